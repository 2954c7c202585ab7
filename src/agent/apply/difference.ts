import { canonicalRule, parseRule, type SavedTables } from "../../kernel/index.ts";
import { isServiceChain, type Jump, type RuleProgram, sameLines, type TableName } from "../plan/index.ts";

/** What the kernel is known to hold of ours, by table. */
export type Held = ReadonlyMap<TableName, HeldTable>;

export interface HeldTable {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Jumps that have to be inserted, one after the other. */
  readonly missing: readonly JumpInsert[];
  /** Jumps that have to be taken away before that, as they were found; those of `missing` replace them. */
  readonly misplaced: readonly Jump[];
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
 * Compares what was saved with the program. A chain that says the same is held as the program words it; one that
 * differs is held as it was found, so that the difference to the program shows it.
 */
export function observe(saved: SavedTables, program: RuleProgram, jumpsOnTop: JumpsOnTop = () => false): Held {
  const held = new Map<TableName, HeldTable>();
  for (const [table, { chains, jumps }] of program) {
    const found = new Map<string, readonly string[]>();
    for (const [chain, { rules }] of saved.get(table) ?? []) {
      const wanted = chains.get(chain);
      if (wanted === undefined) {
        if (isServiceChain(chain)) found.set(chain, rules);
      } else {
        found.set(chain, sameRules(rules, wanted) ? wanted : rules);
      }
    }
    const builtIn = (chain: string): readonly string[] => saved.get(table)?.get(chain)?.rules ?? [];
    const misplaced = misplacedJumps(jumps, builtIn, (chain) => jumpsOnTop(table, chain));
    const emptied = new Set(misplaced.map(({ from }) => from));
    const left = (chain: string): readonly string[] => (emptied.has(chain) ? [] : builtIn(chain));
    held.set(table, { chains: found, missing: missingJumps(jumps, left), misplaced });
  }
  return held;
}

function sameRules(found: readonly string[], wanted: readonly string[]): boolean {
  return found === wanted || sameLines(found.map(canonicalRule), wanted.map(canonicalRule));
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
      .filter((rule) => parseRule(rule).target?.name !== kubeletChain)
      .map((rule) => ({ rule, canonical: canonicalRule(rule) }));
    const ours = rules.filter(({ canonical }) => wanted.includes(canonical));
    const first = rules.slice(0, wanted.length).map(({ canonical }) => canonical);
    return sameLines(first, wanted) ? [] : ours.map(({ rule }) => ({ from, rule }));
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
    const write = [...chains].filter(([chain, lines]) => !sameLines(before?.chains.get(chain), lines));
    const remove = [...(before?.chains.keys() ?? [])].filter((chain) => !chains.has(chain));
    const { missing: insert = [], misplaced: unlink = [] } = before ?? {};
    if (write.length + remove.length + insert.length === 0) return [];
    return [{ table, write: write.sort(([a], [b]) => (a < b ? -1 : 1)), remove: remove.sort(), unlink, insert }];
  });
}

/** What the kernel holds once the program is written. */
export function heldAfter(program: RuleProgram): Held {
  return new Map([...program].map(([table, { chains }]) => [table, { chains, missing: [], misplaced: [] }]));
}

/**
 * Input for `iptables-restore --noflush`, which makes all of a table visible at once. A chain line empties its chain;
 * chains without one stay as they are.
 */
export function restoreInput(differences: readonly TableDifference[]): string {
  return differences
    .flatMap(({ table, write, remove, unlink, insert }) => [
      `*${table}`,
      ...write.map(([chain]) => `:${chain} - [0:0]`),
      ...remove.map((chain) => `:${chain} - [0:0]`),
      ...unlink.map(({ from, rule }) => `-D ${from} ${rule}`),
      ...insert.map(({ from, position, rule }) => `-I ${from} ${position} ${rule}`),
      ...write.flatMap(([chain, lines]) => lines.map((line) => `-A ${chain} ${line}`)),
      ...remove.map((chain) => `-X ${chain}`),
      "COMMIT",
      "",
    ])
    .join("\n");
}
