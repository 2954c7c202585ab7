import { expect, it } from "vitest";
import { firstFew } from "./first-few.ts";

const all = ["a", "b", "c", "d", "e"];

it("names the first and counts the rest", () => {
  expect(firstFew(all)).toBe("a, b, c and 2 more");
  expect(firstFew(all.slice(0, 3))).toBe("a, b, c");
  expect(firstFew([])).toBe("");
  expect(firstFew(all, { most: 1, separator: "; " })).toBe("a and 4 more");
  expect(firstFew(all, { most: 5, separator: "; " })).toBe("a; b; c; d; e");
});
