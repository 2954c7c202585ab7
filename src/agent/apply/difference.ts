import { atOnce, type Steps } from "../../base/index.ts";
import { canonicalRule, ruleTarget, type SavedTables, trialChain } from "../../kernel/index.ts";
import {
  type ChainNames,
  differingChains,
  isPeerJump,
  isServiceChain,
  type Jump,
  type RuleProgram,
  sameLines,
  type TableName,
} from "../plan/index.ts";
import { sameMeaning } from "./meaning.ts";

/** What the kernel is known to hold of ours, by table. */
export type Held = ReadonlyMap<TableName, HeldTable>;

export interface HeldTable {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Jumps that have to be inserted, one after the other. */
  readonly missing: readonly JumpInsert[];
  /** Jumps that have to be taken away before that, as they were found; those of `missing` replace them. */
  readonly misplaced: readonly Jump[];
  /** Service chains that somebody else's rules use: the kernel lets nobody delete them, only empty them. */
  readonly pinned: ReadonlySet<string>;
}

export interface JumpInsert extends Jump {
  /** From 1, counted when the inserts before it are done. */
  readonly position: number;
  /** The chain that it jumps to, if that has to be created without rules of ours. */
  readonly create?: string;
}

export interface TableDifference {
  readonly table: TableName;
  readonly names: ChainNames;
  readonly write: readonly (readonly [chain: string, lines: readonly string[]])[];
  readonly remove: readonly string[];
  readonly unlink: readonly Jump[];
  readonly insert: readonly JumpInsert[];
}

/** Whether our jumps in this built-in chain must stand above all other rules; otherwise foreign rules may. */
export type JumpsOnTop = (table: TableName, chain: string) => boolean;

const anywhere: JumpsOnTop = () => false;

/** Rules that are compared in one step of a turn. */
const rulesOfStep = 16;

/**
 * Compares what was saved with the program. A chain that means the same is held as the program words it; one that
 * differs is held as it was found, so that the difference to the program shows it. Chains of Services that are not in
 * the program are what an earlier agent or kube-proxy left; all other chains are somebody else's.
 */
export function observe(saved: SavedTables, program: RuleProgram, jumpsOnTop: JumpsOnTop = anywhere): Held {
  return atOnce(observeInSteps(saved, program, jumpsOnTop));
}

export function* observeInSteps(
  saved: SavedTables,
  program: RuleProgram,
  jumpsOnTop: JumpsOnTop = anywhere,
): Steps<Held> {
  const held = new Map<TableName, HeldTable>();
  for (const [table, { chains, jumps, names }] of program) {
    const found = new Map<string, readonly string[]>();
    const pinned = new Set<string>();
    for (const [chain, { rules }] of saved.get(table) ?? []) {
      const wanted = chains.get(chain);
      if (wanted !== undefined) found.set(chain, sameRules(rules, wanted) ? wanted : rules);
      else if (isServiceChain(chain, names) || chain === trialChain) found.set(chain, rules);
      else for (const target of serviceTargets(rules, names)) pinned.add(target);
      yield rules.length / rulesOfStep;
    }
    const builtIn = (chain: string): readonly string[] => saved.get(table)?.get(chain)?.rules ?? [];
    const known = (chain: string): boolean => chains.has(chain) || saved.get(table)?.has(chain) === true;
    const { misplaced, left } = misplacedJumps(jumps, names, builtIn, (chain) => jumpsOnTop(table, chain));
    const missing = missingJumps(jumps, left).map((jump) => withChain(jump, known));
    held.set(table, { chains: found, missing, misplaced, pinned });
  }
  return held;
}

function sameRules(found: readonly string[], wanted: readonly string[]): boolean {
  return found === wanted || sameMeaning(found.map(canonicalRule), wanted.map(canonicalRule));
}

type BuiltIn = (chain: string) => readonly string[];

/**
 * All of ours in each chain where they have to stand on top, in order, and do not, and what is there without them that
 * their new places depend on. Jumps that others make as well may stand anywhere, and so may those of another proxy.
 */
function misplacedJumps(
  jumps: readonly Jump[],
  names: ChainNames,
  builtIn: BuiltIn,
  onTop: (chain: string) => boolean,
): { readonly misplaced: readonly Jump[]; readonly left: BuiltIn } {
  const misplaced: Jump[] = [];
  const left = new Map<string, readonly string[]>();
  for (const from of new Set(jumps.map((jump) => jump.from))) {
    if (!onTop(from)) continue;
    const canonical = ({ rule }: Jump): string => canonicalRule(rule);
    const own = jumps.filter((jump) => jump.from === from);
    const wanted = own.filter(({ shared }) => shared !== true).map(canonical);
    const shared = new Set(own.filter((jump) => jump.shared === true).map(canonical));
    const rules = builtIn(from).map((rule) => ({ rule, canonical: canonicalRule(rule) }));
    const ours = new Set(wanted);
    const counts = (rule: string): boolean => !shared.has(rule) && !isPeerJump(rule, ours, names);
    const first = rules.filter((one) => counts(one.canonical)).slice(0, wanted.length);
    if (
      sameLines(
        first.map((one) => one.canonical),
        wanted,
      )
    )
      continue;
    for (const { rule, canonical: text } of rules) if (wanted.includes(text)) misplaced.push({ from, rule });
    left.set(
      from,
      rules.filter((one) => shared.has(one.canonical)).map(({ rule }) => rule),
    );
  }
  return { misplaced, left: (chain) => left.get(chain) ?? builtIn(chain) };
}

function serviceTargets(rules: readonly string[], names: ChainNames): string[] {
  return rules.flatMap((rule) => ruleTarget(rule) ?? []).filter((target) => isServiceChain(target, names));
}

function withChain(jump: JumpInsert, known: (chain: string) => boolean): JumpInsert {
  const chain = ruleTarget(jump.rule);
  return jump.shared && chain !== undefined && !known(chain) ? { ...jump, create: chain } : jump;
}

/**
 * Puts each missing jump right before the next one of ours that is there, or behind the one before it, or on top.
 * Jumps that others make as well come last and lead nobody: kubelet's may stand below rules that ours go above.
 */
function missingJumps(jumps: readonly Jump[], builtIn: (chain: string) => readonly string[]): JumpInsert[] {
  return [...new Set(jumps.map(({ from }) => from))].flatMap((from) => {
    const wanted = jumps
      .filter((jump) => jump.from === from)
      .map((jump, order) => ({ jump, order, canonical: canonicalRule(jump.rule) }));
    const present = builtIn(from).map(canonicalRule);
    const guides = wanted.filter(({ jump, canonical }) => jump.shared !== true && present.includes(canonical));
    return wanted
      .toSorted((a, b) => Number(a.jump.shared ?? false) - Number(b.jump.shared ?? false))
      .flatMap((one) => {
        const { jump, order, canonical } = one;
        if (present.includes(canonical)) return [];
        const next = guides.find((guide) => guide.order > order);
        const previous = guides.findLast((guide) => guide.order < order);
        const index =
          next !== undefined
            ? present.indexOf(next.canonical)
            : previous !== undefined
              ? present.indexOf(previous.canonical) + 1
              : 0;
        present.splice(index, 0, canonical);
        guides.push(one);
        guides.sort((a, b) => a.order - b.order);
        return [{ ...jump, position: index + 1 }];
      });
  });
}

/** What has to be written so that the kernel holds the program; tables without a difference are left out. */
export function difference(held: Held, program: RuleProgram): TableDifference[] {
  return atOnce(differenceInSteps(held, program));
}

/** Each step of it is as long as a turn when all chains differ. */
export function* differenceInSteps(held: Held, program: RuleProgram): Steps<TableDifference[]> {
  const differences: TableDifference[] = [];
  for (const [table, { chains, names }] of program) {
    const before = held.get(table);
    const differing = differingChains(before?.chains ?? new Map(), chains);
    yield differing.length / 64;
    const write = differing.flatMap((chain): [string, readonly string[]][] => {
      const lines = chains.get(chain);
      if (lines !== undefined) return [[chain, lines]];
      return before?.pinned.has(chain) && before.chains.get(chain)?.length !== 0 ? [[chain, []]] : [];
    });
    yield differing.length / 64;
    const remove = differing.filter((chain) => !chains.has(chain) && !before?.pinned.has(chain));
    const { missing: insert = [], misplaced: unlink = [] } = before ?? {};
    if (write.length + remove.length + insert.length > 0)
      differences.push({ table, names, write, remove, unlink, insert });
  }
  return differences;
}

/** A difference that only writes chains. */
export function writesOnly(
  { table, names }: Pick<TableDifference, "table" | "names">,
  write: TableDifference["write"],
): TableDifference {
  return { table, names, write, remove: [], unlink: [], insert: [] };
}

/** What the kernel holds once the difference between what it held and the program is written. */
export function heldAfter(held: Held, program: RuleProgram): Map<TableName, HeldTable> {
  return new Map(
    [...program].map(([table, { chains }]) => {
      const before = held.get(table);
      const pinned = before?.pinned ?? new Set<string>();
      const left = [...pinned].filter((chain) => before?.chains.has(chain) && !chains.has(chain));
      if (left.length === 0) return [table, { chains, missing: [], misplaced: [], pinned }];
      const all = new Map([...chains, ...left.map((chain) => [chain, []] as const)]);
      return [table, { chains: all, missing: [], misplaced: [], pinned }];
    }),
  );
}

/** A line of restore input and what it is about. */
export interface RestoreLine {
  readonly text: string;
  readonly table: TableName;
  /** The chain that is written; undefined for jumps, removals and what frames a table. */
  readonly chain?: string;
  /** The rule of that chain. */
  readonly rule?: string;
}

/**
 * Input for `iptables-restore --noflush`, which makes all of a table visible at once. A chain line empties its chain;
 * chains without one stay as they are.
 */
export function* restoreLines(differences: readonly TableDifference[]): Generator<RestoreLine> {
  for (const [i, { table, write, remove, unlink, insert }] of differences.entries()) {
    if (i > 0) yield { text: "", table };
    yield { text: `*${table}`, table };
    for (const [chain] of write) yield { text: `:${chain} - [0:0]`, table, chain };
    for (const chain of remove) yield { text: `:${chain} - [0:0]`, table };
    // Not as a chain line, which would empty a chain that its owner made a moment ago.
    for (const chain of new Set(insert.flatMap(({ create }) => create ?? []))) yield { text: `-N ${chain}`, table };
    for (const { from, rule } of unlink) yield { text: `-D ${from} ${rule}`, table };
    for (const { from, position, rule } of insert) yield { text: `-I ${from} ${position} ${rule}`, table };
    for (const [chain, lines] of write)
      for (const rule of lines) yield { text: `-A ${chain} ${rule}`, table, chain, rule };
    for (const chain of remove) yield { text: `-X ${chain}`, table };
    yield { text: "COMMIT", table };
  }
}

/** The text of the lines, made anew each time that it is read. */
export function restoreInput(differences: readonly TableDifference[]): Iterable<string> {
  return {
    *[Symbol.iterator]() {
      for (const { text } of restoreLines(differences)) yield text;
    },
  };
}
