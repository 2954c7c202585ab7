/** Values that differ from run to run and whose equality tells something. */
const variable: readonly { readonly kind: string; readonly pattern: RegExp; readonly reused: boolean }[] = [
  { kind: "uid", pattern: /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, reused: false },
  {
    kind: "version",
    pattern: /(?<=resourceVersion"?[:=]\s*"?|ResourceVersion in (?:the precondition|record) \()\d+/g,
    reused: false,
  },
  // Beyond the static bands of the Service CIDRs, whose addresses the script hands out itself.
  { kind: "address", pattern: /\b10\.96\.(?!0\.)\d{1,3}\.\d{1,3}\b/g, reused: true },
  { kind: "address", pattern: /\bfd00:96::[0-9a-f]{3,4}\b/g, reused: true },
  // 30086-32767: the dynamic band of the NodePort range, whose end an error message names.
  {
    kind: "port",
    pattern: /(?<!30000-)\b(?:3008[6-9]|3009\d|30[1-9]\d\d|31\d{3}|32[0-6]\d\d|327[0-5]\d|3276[0-7])\b/g,
    reused: true,
  },
  { kind: "name", pattern: /(?<=\bprobe-)[a-z0-9]{5}\b/g, reused: false },
];

/** Values that differ from run to run and whose equality means nothing. */
const noise: readonly [RegExp, string][] = [
  // oxlint-disable-next-line no-control-regex -- kubectl colours cluster-info
  [/\x1b\[[\d;]*m/g, ""],
  [/^[IWE]\d{4} \d\d:.*\n/gm, ""],
  [/https:\/\/(?:127\.0\.0\.1|localhost):\d+/g, "<server>"],
  [/\/tmp\/(LIVE|MERGED|kubectl-edit)-?\d+/g, "/tmp/$1"],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| ?[+-]\d{4})/g, "<time>"],
  [/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, "<time>"],
  [/(?<=^ *continue: )\S+/gm, "<continue>"],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, "<token>"],
  [/(?<=resource version: \d+, current: )\d+/g, "<version>"],
  [/(?<=unable to parse requirement: ).*/g, "<why>"],
  // The whole object with its managed fields, which are no part of the contract.
  [/(?<=Invalid value: )"\{\\"apiVersion\\".*\}"(?=: )/g, "<object>"],
];

const age = /(?<=^|  )(?:(?:\d+[smhdy]){1,2}|<invalid>|<unknown>)(?=$|  )/gm;

/** After so many steps without it an allocated value counts as another one: allocators reuse what was freed. */
const memory = 20;

interface Known {
  readonly placeholder: string;
  seenAt: number;
}

/**
 * Makes what two runs printed comparable. A varying value becomes `<kind step.n>`, where step and n tell where in the
 * run it was first seen, so that equal values stay equal and one more value in one step does not rename those of later
 * steps.
 */
export class Normaliser {
  readonly #known = new Map<string, Known>();
  #step = 0;

  /** Starts the next step; what it returns makes each text of this step comparable. */
  next(): (text: string) => string {
    this.#step += 1;
    const counts = new Map<string, number>();
    return (text) => {
      const quiet = columns(noise.reduce((result, [from, to]) => result.replace(from, to), text));
      return variable.reduce(
        (result, { kind, pattern, reused }) =>
          result.replace(pattern, (value) => this.#placeholder(kind, value, reused ? memory : Infinity, counts)),
        quiet,
      );
    };
  }

  #placeholder(kind: string, value: string, steps: number, counts: Map<string, number>): string {
    const key = `${kind} ${value}`;
    const known = this.#known.get(key);
    if (known !== undefined && this.#step - known.seenAt <= steps) {
      known.seenAt = this.#step;
      return known.placeholder;
    }
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const placeholder = `<${kind} ${this.#step}.${count}>`;
    this.#known.set(key, { placeholder, seenAt: this.#step });
    return placeholder;
  }
}

/** kubectl pads the columns of a table by its longest cell: one cell of varying length moves all others. */
function columns(text: string): string {
  const narrow = text.replace(/(?<=\S) {2,}/g, "  ").replace(/ +$/gm, "");
  return /(?:^|  )(?:AGE|Age|LAST SEEN)(?:$|  )/m.test(narrow) ? narrow.replace(age, "<age>") : narrow;
}
