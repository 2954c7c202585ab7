import type { Iptables } from "./iptables.ts";
import { RestoreError } from "./iptables.ts";

/** A chain that only exists while rules are tried. */
export const trialChain = "BERTH-TRIAL";

/** Rules that the kernel takes or refuses together. */
export interface Candidate {
  readonly table: string;
  readonly rules: readonly string[];
}

export interface Trial<T extends Candidate> {
  readonly refused: readonly { readonly candidate: T; readonly why: string }[];
  /** False when so many are refused that not all could be told apart with the restores allowed. */
  readonly complete: boolean;
  /** How many restores it took. */
  readonly restores: number;
}

export interface TrialOptions {
  /** One more than one. */
  readonly maxRestores: number;
  /** Whether most likely nothing is refused: then all is tried at once first. */
  readonly hopeful?: boolean;
}

/** Into how many parts what has to be looked at is divided; each is one commit of the same restore. */
const fanOut = 16;

/**
 * Finds out what the kernel refuses, by real restores into a chain to which nothing jumps. (`--test` does not ask the
 * kernel, of neither implementation.) One restore commits part after part and ends at the first that is refused, so
 * that each tells which of 16 parts is bad: 10,000 candidates with one bad take 5. The kernel judges a rule's matches
 * and its target where it stands; jumps to other chains are left out. Rejects with what the tool says when it refuses
 * an empty chain.
 */
export async function findRefused<T extends Candidate>(
  iptables: Pick<Iptables, "restore">,
  candidates: readonly T[],
  { maxRestores, hopeful = false }: TrialOptions,
  signal: AbortSignal,
): Promise<Trial<T>> {
  const refused: { candidate: T; why: string }[] = [];
  const tables = [...new Set(candidates.map(({ table }) => table))];
  let restores = 0;
  if (hopeful) {
    restores += 1;
    if ((await attempt(iptables, trialLines([candidates]), tables, signal)) === undefined)
      return { refused, complete: true, restores };
  }
  let parts = divide(candidates);
  // The last one takes the chain away.
  while (restores < maxRestores - 1) {
    restores += 1;
    const failure = await attempt(iptables, [...emptyChains(tables), ...trialLines(parts)], tables, signal);
    if (failure === undefined) return { refused, complete: true, restores };
    const part = parts[failure.part] ?? [];
    const bad = new Map(failure.named);
    if (bad.size === 0 && part.length === 1) for (const candidate of part) bad.set(candidate, failure.why);
    refused.push(...[...bad].map(([candidate, why]) => ({ candidate, why })));
    const left = part.filter((candidate) => !bad.has(candidate));
    const rest = parts.slice(failure.part + 1).flat();
    // A tool that names rules needs no help in finding them: nf_tables names all of a part.
    if (failure.named.size > 0) parts = [[...left, ...rest]].filter((one) => one.length > 0);
    else parts = left.length === 0 ? divide(rest) : [...divide(left), ...(rest.length === 0 ? [] : [rest])];
  }
  await iptables.restore([...removal(tables)], signal);
  return { refused, complete: false, restores: maxRestores };
}

function divide<T>(list: readonly T[]): T[][] {
  const size = Math.ceil(list.length / fanOut);
  return Array.from({ length: size === 0 ? 0 : Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

interface TrialLine<T> {
  readonly text: string;
  readonly part?: number;
  readonly candidate?: T;
}

interface Failure<T> {
  readonly part: number;
  /** Those whose own line the tool names, with what it says of it. */
  readonly named: ReadonlyMap<T, string>;
  readonly why: string;
}

async function attempt<T extends Candidate>(
  iptables: Pick<Iptables, "restore">,
  trial: Iterable<TrialLine<T>>,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<Failure<T> | undefined> {
  const lines: TrialLine<T>[] = [...trial, ...textLines(removal(tables))];
  try {
    await iptables.restore(
      lines.map(({ text }) => text),
      signal,
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof RestoreError)) throw error;
    const named = error.lines.flatMap(({ number }) => lines[number - 1] ?? []);
    const part = named[0]?.part;
    if (part === undefined) throw error;
    const why = reasonOf(error);
    const rules = named.flatMap(({ candidate, text }) =>
      candidate === undefined ? [] : [[candidate, `${why} (${text.replace(`-A ${trialChain} `, "")})`] as const],
    );
    return { part, named: new Map(rules), why };
  }
}

/** What the tool says, without the place in the trial where it says it. */
function reasonOf({ reason }: RestoreError): string {
  const said = reason.replace(`: rule in chain ${trialChain}`, "").replace(/^.*\bline:? \d+(?:: | failed(?:; )?)/, "");
  return said === "" ? "refused at commit, without a reason" : said;
}

/** What refuses these refuses every rule, whatever it says. */
function* emptyChains(tables: readonly string[]): Generator<{ text: string }> {
  for (const table of tables) yield* textLines([`*${table}`, `:${trialChain} - [0:0]`, "COMMIT"]);
}

function* trialLines<T extends Candidate>(parts: readonly (readonly T[])[]): Generator<TrialLine<T>> {
  for (const [part, candidates] of parts.entries())
    for (const table of new Set(candidates.map((candidate) => candidate.table))) {
      yield { text: `*${table}`, part };
      yield { text: `:${trialChain} - [0:0]`, part };
      for (const candidate of candidates)
        if (candidate.table === table)
          for (const rule of candidate.rules)
            yield { text: `-A ${trialChain} ${withoutJump(rule)}`.trimEnd(), part, candidate };
      yield { text: "COMMIT", part };
    }
}

function* textLines(texts: Iterable<string>): Generator<{ text: string }> {
  for (const text of texts) yield { text };
}

function* removal(tables: readonly string[]): Generator<string> {
  for (const table of tables) yield* [`*${table}`, `:${trialChain} - [0:0]`, `-X ${trialChain}`, "COMMIT"];
}

/** The rule without a jump to a chain, which stands at its end: no target of the kernel's has a dash in its name. */
function withoutJump(rule: string): string {
  return rule.replace(/(^| )-j [A-Z]+-[^\s"]+$/, "");
}
