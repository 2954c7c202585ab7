import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interleave, quantile, summarize } from "./statistics.ts";

describe("quantile", () => {
  it.each([
    [[7], 0.5, 7],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2],
    [[10, 9, 8], 0, 8],
    [[10, 9, 8], 1, 10],
    [Array.from({ length: 99 }, (_, i) => i), 0.99, 98],
    [Array.from({ length: 200 }, (_, i) => i), 0.99, 197],
  ])("%j at %f is %d", (samples, share, expected) => {
    expect(quantile(samples, share)).toBe(expected);
  });

  it("is a sample that the share of all does not exceed, and the smallest such", () => {
    const samples = fc.array(fc.double({ noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const value = quantile(all, share);
        expect(all).toContain(value);
        expect(all.filter((sample) => sample <= value).length).toBeGreaterThanOrEqual(share * all.length);
        const below = all.filter((sample) => sample < value).length;
        if (below > 0) expect(below).toBeLessThan(share * all.length);
      }),
    );
  });

  it("refuses to speak of nothing", () => {
    expect(() => quantile([], 0.5)).toThrow("no sample at 0.5 of 0");
  });
});

it("summarizes without changing what it is given", () => {
  const samples = [5, 1, 3];
  expect(summarize(samples)).toEqual({ count: 3, min: 1, median: 3, p99: 5, max: 5 });
  expect(samples).toEqual([5, 1, 3]);
});

describe("interleave", () => {
  it.each([
    [["a"], 2, "aa"],
    [["a", "b"], 3, "abbaab"],
    [["a", "b", "c"], 4, "abcbcacababc"],
    [[], 3, ""],
  ])("%j for %d rounds is %s", (things, rounds, expected) => {
    expect(interleave(things, rounds).join("")).toBe(expected);
  });
});
