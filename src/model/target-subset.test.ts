import fc from "fast-check";
import { expect, it } from "vitest";
import type { NodeTarget } from "./index.ts";
import { targetSubset } from "./index.ts";

const anyTargets = fc
  .uniqueArray(fc.record({ name: fc.stringMatching(/^[a-z]{1,4}$/), zone: fc.constantFrom("a", "b", "c", "") }), {
    selector: ({ name }) => name,
    maxLength: 40,
  })
  .map((all) =>
    all
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, zone }): NodeTarget => ({ name, addresses: [], ...(zone !== "" && { zone }) })),
  );
const anyMax = fc.integer({ min: 0, max: 45 });
const anySeed = fc.constantFrom("uid-1", "uid-2");

function namesOf(targets: readonly NodeTarget[]): readonly string[] {
  return targets.map(({ name }) => name);
}

it("has as many as may be, in order, whatever the order of what it is given", () => {
  fc.assert(
    fc.property(anyTargets, anyMax, anySeed, (targets, max, seed) => {
      const chosen = targetSubset(targets, max, seed);
      expect(chosen).toHaveLength(Math.min(max, targets.length));
      expect(namesOf(chosen)).toEqual(namesOf(chosen).toSorted());
      expect(new Set(namesOf(chosen)).isSubsetOf(new Set(namesOf(targets)))).toBe(true);
      if (max < targets.length) expect(targetSubset(targets.toReversed(), max, seed)).toEqual(chosen);
    }),
  );
});

it("takes from no zone more than one beyond another that has some left", () => {
  fc.assert(
    fc.property(anyTargets, anyMax, anySeed, (targets, max, seed) => {
      const taken = Map.groupBy(targetSubset(targets, max, seed), ({ zone }) => zone);
      for (const [zone, all] of Map.groupBy(targets, (target) => target.zone)) {
        const own = taken.get(zone)?.length ?? 0;
        if (own === all.length) continue;
        for (const other of taken.values()) expect(other.length).toBeLessThanOrEqual(own + 1);
      }
    }),
  );
});

it("moves nobody when one goes that was not chosen, and few when one that was", () => {
  fc.assert(
    fc.property(anyTargets, anyMax, anySeed, (targets, max, seed) => {
      const before = new Set(namesOf(targetSubset(targets, max, seed)));
      for (const gone of targets) {
        const rest = targets.filter((target) => target !== gone);
        const after = new Set(namesOf(targetSubset(rest, max, seed)));
        if (!before.has(gone.name)) expect(after).toEqual(before);
        expect(before.difference(after).size).toBeLessThanOrEqual(before.has(gone.name) ? 2 : 0);
      }
    }),
    { numRuns: 50 },
  );
});

it("differs from one load balancer to the next", () => {
  const targets = Array.from({ length: 20 }, (_, i): NodeTarget => ({ name: `node${i}`, addresses: [] }));
  expect(targetSubset(targets, 5, "uid-1")).not.toEqual(targetSubset(targets, 5, "uid-2"));
});
