import fc from "fast-check";
import { expect, it } from "vitest";
import { slotOwners } from "./slots.ts";

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 2, maxLength: 12 });

it("moves only the slots of a name that goes", () => {
  fc.assert(
    fc.property(names, ([gone = "", ...rest]) => {
      const before = slotOwners([gone, ...rest]);
      const after = slotOwners(rest);
      before.forEach((owner, slot) => {
        if (owner !== gone) expect(after[slot]).toBe(owner);
      });
    }),
    { numRuns: 30 },
  );
});

it("does not depend on the order of the names", () => {
  fc.assert(
    fc.property(names, (list) => {
      expect(slotOwners(list.toReversed())).toEqual(slotOwners(list));
    }),
    { numRuns: 30 },
  );
});

it("shares the slots out evenly", () => {
  const list = Array.from({ length: 10 }, (_, i) => `node-${i}`);
  const counts = Map.groupBy(slotOwners(list), (name) => name);
  for (const name of list) expect(counts.get(name)?.length).toBeGreaterThan(60);
});
