import fc from "fast-check";
import { expect, it } from "vitest";
import { cutText } from "./index.ts";

it.each([
  ["short", 5, "short"],
  ["longer", 5, "lo…"],
  ["üüü", 6, "üüü"],
  ["üüüü", 6, "ü…"],
  ["a😀😀", 8, "a😀…"],
  ["a😀😀", 7, "a…"],
])("%s in %i bytes is %s", (text, bytes, expected) => {
  expect(cutText(text, bytes)).toBe(expected);
});

it("is never longer than asked for, begins as the text does, and stays as it is when cut again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 3, max: 80 }), (text, bytes) => {
      const found = cutText(text, bytes);
      expect(Buffer.byteLength(found)).toBeLessThanOrEqual(bytes);
      expect(found === text || text.startsWith(found.slice(0, -1))).toBe(true);
      expect(cutText(found, bytes)).toBe(found);
    }),
  );
});
