import { createHash } from "node:crypto";
import type { NodeTarget } from "./load-balancer.ts";

/**
 * At most `max` of the targets, sorted by name. From each zone as many as from any other that has as many; which ones
 * depends on their names and on `seed`, so that one more or one less moves few others, and that the subsets of many
 * load balancers differ.
 */
export function targetSubset(targets: readonly NodeTarget[], max: number, seed: string): readonly NodeTarget[] {
  if (targets.length <= max) return targets;
  const zones = Map.groupBy(targets, ({ zone = "" }) => zone);
  const ranked = [...zones].flatMap(([zone, members]) => {
    const tie = rankOf(seed, zone);
    return members
      .map((target) => ({ target, hash: rankOf(seed, target.name) }))
      .sort((a, b) => compare(a.hash, b.hash))
      .map(({ target }, round) => ({ target, round, tie }));
  });
  return ranked
    .sort((a, b) => a.round - b.round || compare(a.tie, b.tie))
    .slice(0, max)
    .map(({ target }) => target)
    .sort((a, b) => compare(a.name, b.name));
}

function rankOf(seed: string, name: string): string {
  return createHash("sha256").update(`${seed}/${name}`).digest("hex");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
