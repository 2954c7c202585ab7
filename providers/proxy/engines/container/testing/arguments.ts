/** What a flag takes: nothing, one value, or one value each time that it is given. */
type FlagKind = "switch" | "value" | "list";

/** One command, as `create` or `container inspect`. */
export interface CommandSyntax {
  readonly usage: string;
  readonly flags: Readonly<Record<string, FlagKind>>;
  /** One letter, and the flag that it stands for. */
  readonly short?: Readonly<Record<string, string>>;
  readonly minArguments: number;
  /** Flags end at the first argument: the rest is the container's. */
  readonly endsAtFirst?: boolean;
}

export interface Parsed {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
}

/** What the parser says to a person; nothing was done. */
export class SyntaxComplaint extends Error {}

/** Reads arguments as pflag does. Throws `SyntaxComplaint` with its words. */
export function parseArguments(args: readonly string[], syntax: CommandSyntax): Parsed {
  const flags = new Map<string, string[]>();
  const rest: string[] = [];
  const queue = [...args];
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    if (arg === "--" || (syntax.endsAtFirst === true && rest.length > 0) || !/^-./.test(arg)) {
      rest.push(...(arg === "--" ? queue.splice(0) : [arg]));
      if (syntax.endsAtFirst === true) rest.push(...queue.splice(0));
      continue;
    }
    const { name, given } = nameOf(arg, syntax);
    const kind = syntax.flags[name];
    if (kind === undefined) throw new SyntaxComplaint(`unknown flag: --${name}`);
    const value = given ?? (kind === "switch" ? "true" : queue.shift());
    if (value === undefined) throw new SyntaxComplaint(`flag needs an argument: --${name}`);
    // Of one that may be given once, the last counts.
    flags.set(name, kind === "list" ? [...(flags.get(name) ?? []), value] : [value]);
  }
  return { flags, rest };
}

function nameOf(arg: string, { short = {} }: CommandSyntax): { name: string; given: string | undefined } {
  if (arg.startsWith("--")) {
    const [name = "", ...value] = arg.slice(2).split("=");
    return { name, given: value.length === 0 ? undefined : value.join("=") };
  }
  const name = short[arg.slice(1, 2)];
  if (name === undefined) throw new SyntaxComplaint(`unknown shorthand flag: '${arg.slice(1, 2)}' in ${arg}`);
  return { name, given: arg.length > 2 ? arg.slice(2).replace(/^=/, "") : undefined };
}
