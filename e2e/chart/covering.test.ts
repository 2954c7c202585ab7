import fc from "fast-check";
import { expect, it } from "vitest";
import { allTriples, coveringRows, triplesOf } from "./covering.ts";

const anyAxes = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 6 })
  .map((sizes) =>
    Object.fromEntries(sizes.map((size, i) => [`axis${i}`, Array.from({ length: size }, (_, j) => `choice${j}`)])),
  );

it("shows every combination of three choices, in rows that each have one of every axis", () => {
  fc.assert(
    fc.property(anyAxes, (axes) => {
      const rows = coveringRows(axes);
      expect(new Set(rows.flatMap(triplesOf))).toEqual(new Set(allTriples(axes)));
      for (const row of rows) for (const [axis, choices] of Object.entries(axes)) expect(choices).toContain(row[axis]);
    }),
  );
});
