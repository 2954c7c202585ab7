import { canonicalRule, parseRule, type SavedTables } from "../../kernel/index.ts";
import { isServiceChain, type Jump, type RuleProgram, sameLines, type TableName } from "../plan/index.ts";

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
  /** The chain that it jumps to, if that has to be created without rules of ours. */
  readonly create?: string;
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
    const known = (chain: string): boolean => chains.has(chain) || saved.get(table)?.has(chain) === true;
    const missing = missingJumps(jumps, builtIn).map((jump) => withChain(jump, known));
    held.set(table, { chains: found, missing });
  }
  return held;
}

function withChain(jump: JumpInsert, known: (chain: string) => boolean): JumpInsert {
  const chain = parseRule(jump.rule).target?.name;
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
  return [...program].flatMap(([table, { chains }]) => {
    const before = held.get(table);
    const write = [...chains].filter(([chain, lines]) => !sameLines(before?.chains.get(chain), lines));
    const remove = [...(before?.chains.keys() ?? [])].filter((chain) => !chains.has(chain));
    const insert = before?.missing ?? [];
    if (write.length + remove.length + insert.length === 0) return [];
    return [{ table, write: write.sort(([a], [b]) => (a < b ? -1 : 1)), remove: remove.sort(), insert }];
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
      // Not as a chain line, which would empty a chain that its owner made a moment ago.
      ...[...new Set(insert.flatMap(({ create }) => create ?? []))].map((chain) => `-N ${chain}`),
      ...insert.map(({ from, position, rule }) => `-I ${from} ${position} ${rule}`),
      ...write.flatMap(([chain, lines]) => lines.map((line) => `-A ${chain} ${line}`)),
      ...remove.map((chain) => `-X ${chain}`),
      "COMMIT",
      "",
    ])
    .join("\n");
}
