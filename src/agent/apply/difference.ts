import { canonicalRule, type SavedTables } from "../../kernel/index.ts";
import {
  differingChains,
  isServiceChain,
  type Jump,
  type RuleProgram,
  sameLines,
  type TableName,
} from "../plan/index.ts";

/** What the kernel is known to hold of ours, by table. */
export type Held = ReadonlyMap<TableName, HeldTable>;

export interface HeldTable {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Jumps that have to be inserted, one after the other. */
  readonly missing: readonly JumpInsert[];
}

export interface JumpInsert extends Jump {
  /** From 1, counted when the inserts before it are done. */
  readonly position: number;
}

export interface TableDifference {
  readonly table: TableName;
  readonly write: readonly (readonly [chain: string, lines: readonly string[]])[];
  readonly remove: readonly string[];
  readonly insert: readonly JumpInsert[];
}

/**
 * Compares what was saved with the program. A chain that says the same is held as the program words it; one that
 * differs is held as it was found, so that the difference to the program shows it.
 */
export function observe(saved: SavedTables, program: RuleProgram): Held {
  const held = new Map<TableName, HeldTable>();
  for (const [table, { chains, jumps }] of program) {
    const found = new Map<string, readonly string[]>();
    for (const [chain, { rules }] of saved.get(table) ?? []) {
      const wanted = chains.get(chain);
      if (wanted === undefined) {
        if (isServiceChain(chain)) found.set(chain, rules);
      } else {
        found.set(chain, sameLines(rules.map(canonicalRule), wanted.map(canonicalRule)) ? wanted : rules);
      }
    }
    const builtIn = (chain: string): readonly string[] => saved.get(table)?.get(chain)?.rules ?? [];
    held.set(table, { chains: found, missing: missingJumps(jumps, builtIn) });
  }
  return held;
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
    const differing = differingChains(before?.chains ?? new Map(), chains);
    const write = differing.flatMap((chain) => {
      const lines = chains.get(chain);
      return lines === undefined ? [] : [[chain, lines] as const];
    });
    const remove = differing.filter((chain) => !chains.has(chain));
    const insert = before?.missing ?? [];
    if (differing.length + insert.length === 0) return [];
    return [{ table, write, remove, insert }];
  });
}

/** What the kernel holds once the program is written. */
export function heldAfter(program: RuleProgram): Held {
  return new Map([...program].map(([table, { chains }]) => [table, { chains, missing: [] }]));
}

/**
 * Input for `iptables-restore --noflush`, which makes all of a table visible at once. A chain line empties its chain;
 * chains without one stay as they are.
 */
export function restoreInput(differences: readonly TableDifference[]): string {
  return differences
    .flatMap(({ table, write, remove, insert }) => [
      `*${table}`,
      ...write.map(([chain]) => `:${chain} - [0:0]`),
      ...remove.map((chain) => `:${chain} - [0:0]`),
      ...insert.map(({ from, position, rule }) => `-I ${from} ${position} ${rule}`),
      ...write.flatMap(([chain, lines]) => lines.map((line) => `-A ${chain} ${line}`)),
      ...remove.map((chain) => `-X ${chain}`),
      "COMMIT",
      "",
    ])
    .join("\n");
}
