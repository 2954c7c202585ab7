import { type ChainNames, isServiceChain } from "../plan/index.ts";
import { type Held, type TableDifference, writesOnly } from "./difference.ts";

/**
 * Splits a difference with many new chains of Services into restores to be made one after the other. iptables on
 * nf_tables takes time that grows with the square of the chains that one restore makes (1.8.9: 60,000 at once 156 s, in
 * 30 restores 4 s). Traffic meets none of them before the last restore, which holds all else: chains come before those
 * that jump to them, and the dispatch chains last.
 */
export function inBatches(
  differences: readonly TableDifference[],
  held: Held,
  maxNewChains: number,
): readonly (readonly TableDifference[])[] {
  const early: TableDifference[] = [];
  const rest = differences.flatMap((difference) => {
    const { table, names, write, remove, insert } = difference;
    const isNew = ([chain]: (typeof write)[number]): boolean => held.get(table)?.chains.has(chain) !== true;
    const fresh = write.filter((one) => isServiceChain(one[0], names) && isNew(one));
    if (fresh.length <= maxNewChains) return [difference];
    // What chains of Services jump to beside each other.
    const leaves = write.filter((one) => one[0] === names.markMasq && isNew(one));
    const ordered = [...leaves, ...fresh.toSorted(([a], [b]) => rank(a, names) - rank(b, names))];
    for (let at = 0; at < ordered.length; at += maxNewChains)
      early.push(writesOnly(difference, ordered.slice(at, at + maxNewChains)));
    const written = new Set(ordered);
    const left = write.filter((one) => !written.has(one));
    return left.length + remove.length + insert.length === 0 ? [] : [{ ...difference, write: left }];
  });
  return rest.length === 0 ? early.map((one) => [one]) : [...early.map((one) => [one]), rest];
}

/** An endpoint's chain jumps to no other, a firewall's through an external one to a balancing one to endpoints'. */
function rank(chain: string, { endpoint, external, firewall }: ChainNames): number {
  if (chain.startsWith(endpoint)) return 0;
  return chain.startsWith(firewall) ? 3 : chain.startsWith(external) ? 2 : 1;
}
