/** One kubectl command of the script. `${name}` in its words and manifest stands for what an earlier step captured. */
export interface Step {
  /** What an administrator would type. */
  readonly command: string;
  /** The manifest on standard input. */
  readonly stdin?: string;
  /** The editor of `kubectl edit`: a sed script. */
  readonly sed?: string;
  /** Remembers what it printed, after the `field=`, under this name. */
  readonly capture?: string;
  /** Run again until it prints this: the real server serves a new kind a moment after it has it. */
  readonly until?: RegExp;
  /** Only output lines that match take part: the rest differs between clusters for a reason (other kinds, other nodes). */
  readonly keep?: RegExp;
  /** The command runs beside these; they start once it watches. */
  readonly during?: readonly Step[];
  /** A command that does not end on its own is ended after so many lines of output. */
  readonly lines?: number;
}

type Options = Omit<Step, "command">;

export function kubectl(words: string, options: Options = {}): Step {
  return { command: `kubectl ${words}`, ...options };
}

/** A command that reads the manifest from standard input. */
export function withManifest(words: string, stdin: string, options: Options = {}): Step {
  return kubectl(`${words} -f -`, { ...options, stdin });
}

/** Splits a command into words as a shell does: blanks separate, single and double quotes keep together. */
export function splitWords(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [, blank, single, double, plain] of command.matchAll(/(\s+)|'([^']*)'|"([^"]*)"|([^\s'"]+)/g)) {
    if (blank === undefined) word = (word ?? "") + (single ?? double ?? plain ?? "");
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}
