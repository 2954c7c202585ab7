import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import { sameData } from "./index.ts";

const leaf = fc.constantFrom<unknown>(undefined, null, 0, 1, -0, Number.NaN, "", "a", true);
const { data } = fc.letrec((tie) => ({
  data: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie("data"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b"), tie("data"), { noNullPrototype: true }),
    fc.array(fc.tuple(fc.constantFrom("a", "b"), tie("data")), { maxLength: 2 }).map((list) => new Map(list)),
    fc.array(fc.constantFrom(1, "a"), { maxLength: 2 }).map((list) => new Set(list)),
  ),
}));

it("agrees with Node on data", () => {
  fc.assert(
    fc.property(data, data, (a, b) => {
      expect(sameData(a, b)).toBe(isDeepStrictEqual(a, b));
      expect(sameData(a, structuredClone(a))).toBe(true);
    }),
    { numRuns: 300 },
  );
});
