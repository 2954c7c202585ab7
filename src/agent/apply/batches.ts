import { isServiceChain } from "../plan/index.ts";
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
    const { table, write, remove, insert } = difference;
    const isNew = ([chain]: (typeof write)[number]): boolean => held.get(table)?.chains.has(chain) !== true;
    const fresh = write.filter((one) => isServiceChain(one[0]) && isNew(one));
    if (fresh.length <= maxNewChains) return [difference];
    const leaves = write.filter((one) => leafChains.has(one[0]) && isNew(one));
    const ordered = [...leaves, ...fresh.toSorted(([a], [b]) => rank(a) - rank(b))];
    for (let at = 0; at < ordered.length; at += maxNewChains)
      early.push(writesOnly(table, ordered.slice(at, at + maxNewChains)));
    const written = new Set(ordered);
    const left = write.filter((one) => !written.has(one));
    return left.length + remove.length + insert.length === 0 ? [] : [{ ...difference, write: left }];
  });
  return rest.length === 0 ? early.map((one) => [one]) : [...early.map((one) => [one]), rest];
}

/** What chains of Services jump to beside each other. */
const leafChains: ReadonlySet<string> = new Set(["KUBE-MARK-MASQ"]);

/** An endpoint's chain jumps to no other, a firewall's through an external one to a balancing one to endpoints'. */
const ranks = ["KUBE-SEP-", "KUBE-SV", "KUBE-EXT-", "KUBE-FW-"];

function rank(chain: string): number {
  return ranks.findIndex((prefix) => chain.startsWith(prefix));
}
