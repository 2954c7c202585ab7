import { canonicalRule, parseRule, type SavedTables, trialChain } from "../../kernel/index.ts";
import { isServiceChain, type Jump, type RuleProgram, sameLines, type TableName } from "../plan/index.ts";
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
}

export interface TableDifference {
  readonly table: TableName;
  readonly write: readonly (readonly [chain: string, lines: readonly string[]])[];
  readonly remove: readonly string[];
  readonly unlink: readonly Jump[];
  readonly insert: readonly JumpInsert[];
}

/** Whether our jumps in this built-in chain must stand above all other rules; otherwise foreign rules may. */
export type JumpsOnTop = (table: TableName, chain: string) => boolean;

/**
 * Compares what was saved with the program. A chain that means the same is held as the program words it; one that
 * differs is held as it was found, so that the difference to the program shows it. Chains of Services that are not in
 * the program are what an earlier agent or kube-proxy left; all other chains are somebody else's.
 */
export function observe(saved: SavedTables, program: RuleProgram, jumpsOnTop: JumpsOnTop = () => false): Held {
  const held = new Map<TableName, HeldTable>();
  for (const [table, { chains, jumps }] of program) {
    const found = new Map<string, readonly string[]>();
    const pinned = new Set<string>();
    for (const [chain, { rules }] of saved.get(table) ?? []) {
      const wanted = chains.get(chain);
      if (wanted !== undefined) found.set(chain, sameRules(rules, wanted) ? wanted : rules);
      else if (isServiceChain(chain) || chain === trialChain) found.set(chain, rules);
      else for (const target of serviceTargets(rules)) pinned.add(target);
    }
    const builtIn = (chain: string): readonly string[] => saved.get(table)?.get(chain)?.rules ?? [];
    const misplaced = misplacedJumps(jumps, builtIn, (chain) => jumpsOnTop(table, chain));
    const emptied = new Set(misplaced.map(({ from }) => from));
    const left = (chain: string): readonly string[] => (emptied.has(chain) ? [] : builtIn(chain));
    held.set(table, { chains: found, missing: missingJumps(jumps, left), misplaced, pinned });
  }
  return held;
}

function sameRules(found: readonly string[], wanted: readonly string[]): boolean {
  return found === wanted || sameMeaning(found.map(canonicalRule), wanted.map(canonicalRule));
}

/** Kubelet puts its own jump to it where it likes, and leaves it there. */
export const kubeletChain = "KUBE-FIREWALL";

/** All of ours in each chain where they have to stand on top, in order, and do not. */
function misplacedJumps(
  jumps: readonly Jump[],
  builtIn: (chain: string) => readonly string[],
  onTop: (chain: string) => boolean,
): Jump[] {
  return [...new Set(jumps.map(({ from }) => from))].filter(onTop).flatMap((from) => {
    const wanted = jumps.filter((jump) => jump.from === from).map(({ rule }) => canonicalRule(rule));
    const rules = builtIn(from)
      .map((rule) => ({ rule, canonical: canonicalRule(rule) }))
      .filter(({ rule, canonical }) => parseRule(rule).target?.name !== kubeletChain || wanted.includes(canonical));
    const ours = rules.filter(({ canonical }) => wanted.includes(canonical));
    const first = rules.slice(0, wanted.length).map(({ canonical }) => canonical);
    return sameLines(first, wanted) ? [] : ours.map(({ rule }) => ({ from, rule }));
  });
}

function serviceTargets(rules: readonly string[]): string[] {
  return rules.flatMap((rule) => {
    const [, target = ""] = /(?:^| )-[jg] (\S+)/.exec(rule) ?? [];
    return isServiceChain(target) ? [target] : [];
  });
}

/** Puts each missing jump right before the next one of ours that is there, or behind the one before it, or on top. */
function missingJumps(jumps: readonly Jump[], builtIn: (chain: string) => readonly string[]): JumpInsert[] {
  return [...new Set(jumps.map(({ from }) => from))].flatMap((from) => {
    const wanted = jumps
      .filter((jump) => jump.from === from)
      .map((jump) => ({ jump, canonical: canonicalRule(jump.rule) }));
    const present = builtIn(from).map(canonicalRule);
    return wanted.flatMap(({ jump, canonical }, i) => {
      if (present.includes(canonical)) return [];
      const next = wanted.slice(i + 1).find((later) => present.includes(later.canonical));
      const previous = wanted[i - 1];
      const index =
        next !== undefined
          ? present.indexOf(next.canonical)
          : previous !== undefined
            ? present.indexOf(previous.canonical) + 1
            : 0;
      present.splice(index, 0, canonical);
      return [{ ...jump, position: index + 1 }];
    });
  });
}

/** What has to be written so that the kernel holds the program; tables without a difference are left out. */
export function difference(held: Held, program: RuleProgram): TableDifference[] {
  return [...program].flatMap(([table, { chains }]) => {
    const before = held.get(table);
    const gone = [...(before?.chains ?? [])].filter(([chain]) => !chains.has(chain));
    const emptied = gone.filter(([chain, lines]) => before?.pinned.has(chain) && lines.length > 0);
    const write = [
      ...[...chains].filter(([chain, lines]) => !sameLines(before?.chains.get(chain), lines)),
      ...emptied.map(([chain]) => [chain, []] as const),
    ];
    const remove = gone.map(([chain]) => chain).filter((chain) => !before?.pinned.has(chain));
    const { missing: insert = [], misplaced: unlink = [] } = before ?? {};
    if (write.length + remove.length + insert.length === 0) return [];
    return [{ table, write: write.sort(([a], [b]) => (a < b ? -1 : 1)), remove: remove.sort(), unlink, insert }];
  });
}

/** What the kernel holds once the difference between what it held and the program is written. */
export function heldAfter(held: Held, program: RuleProgram): Map<TableName, HeldTable> {
  return new Map(
    [...program].map(([table, { chains }]) => {
      const before = held.get(table);
      const pinned = before?.pinned ?? new Set<string>();
      const left = [...(before?.chains.keys() ?? [])].filter((chain) => pinned.has(chain) && !chains.has(chain));
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
