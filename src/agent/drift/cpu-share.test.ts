import fc from "fast-check";
import { expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { CheckShares, checkPeriods, leastPeriodMs, maxShare } from "./cpu-share.ts";

it("lets the first checks pass with a short gap", () => {
  const clock = new FakeClock();
  const shares = new CheckShares(clock);
  expect(shares.waitMs()).toBe(0);
  shares.spend(300, false);
  expect(shares.waitMs()).toBe(250);
  clock.advance(250);
  expect(shares.waitMs()).toBe(0);
});

it("mends some tables in a row without delay, and then one in five seconds", () => {
  const clock = new FakeClock();
  const shares = new CheckShares(clock);
  const waits = Array.from({ length: 10 }, () => {
    shares.spend(2000, true);
    const wait = shares.waitMs();
    clock.advance(wait);
    return wait;
  });
  expect(waits).toEqual([250, 250, 250, 250, 250, 250, 250, 5000, 5000, 5000]);
});

it("answers after five seconds however much was spent", () => {
  const shares = new CheckShares(new FakeClock());
  shares.spend(1_000_000, false);
  expect(shares.waitMs()).toBe(5000);
});

it("costs its share in the long run when it is asked all the time, and checks often nevertheless", () => {
  fc.assert(
    // More than the share gives in the longest wait is let through.
    fc.property(fc.double({ min: 0.1, max: 5000 * maxShare, noNaN: true }), (costMs) => {
      const clock = new FakeClock();
      const shares = new CheckShares(clock);
      let spent = 0;
      let longestMs = 0;
      while (clock.monotonic() < 600_000) {
        spent += costMs;
        shares.spend(costMs, false);
        longestMs = Math.max(longestMs, shares.waitMs());
        clock.advance(shares.waitMs());
      }
      expect(longestMs).toBeLessThanOrEqual(5000);
      // What was saved up, and the last one.
      expect(spent).toBeLessThanOrEqual(600_000 * maxShare + 2000 + costMs + 1);
    }),
    { numRuns: 20 },
  );
});

it.each([
  ["nothing", {}, {}],
  ["1,000 Services, one family", { nat: 40, filter: 5, mangle: 3 }, { nat: 4500, filter: 4500, mangle: 4500 }],
  ["one large table", { nat: 450, filter: 5, mangle: 3 }, { nat: 34_033.613445, filter: 4500, mangle: 4500 }],
])("gives periods for %s", (_what, costs, expected) => {
  const rounded = [...checkPeriods(new Map(Object.entries(costs)))].map(([key, ms]) => [key, Number(ms.toFixed(6))]);
  expect(Object.fromEntries(rounded)).toEqual(expected);
});

it("never takes more than its share, and never lets the cheapest wait", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { minLength: 1, maxLength: 6 }), (costs) => {
      const periods = checkPeriods(new Map(costs.entries()));
      const share = costs.reduce((sum, cost, i) => sum + cost / periods.get(i)!, 0);
      expect(share).toBeLessThanOrEqual(maxShare + 1e-9);
      for (const period of periods.values()) expect(period).toBeGreaterThanOrEqual(leastPeriodMs);
      const cheapest = costs.indexOf(Math.min(...costs));
      if (costs[cheapest]! <= (leastPeriodMs * maxShare) / costs.length)
        expect(periods.get(cheapest)).toBe(leastPeriodMs);
    }),
  );
});
