import fc from "fast-check";
import { expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { CpuShare, checkPeriods, leastPeriodMs, maxShare } from "./cpu-share.ts";

it("lets the first checks pass with a short gap", () => {
  const clock = new FakeClock();
  const share = new CpuShare(clock);
  expect(share.waitMs()).toBe(0);
  share.spend(300);
  expect(share.waitMs()).toBe(250);
  clock.advance(250);
  expect(share.waitMs()).toBe(0);
});

it("answers after five seconds however much was spent", () => {
  const share = new CpuShare(new FakeClock());
  share.spend(1_000_000);
  expect(share.waitMs()).toBe(5000);
});

it("costs its share in the long run when it is asked all the time, and checks often nevertheless", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 80, noNaN: true }), (costMs) => {
      const clock = new FakeClock();
      const share = new CpuShare(clock);
      let spent = 0;
      let longestMs = 0;
      while (clock.monotonic() < 600_000) {
        spent += costMs;
        share.spend(costMs);
        longestMs = Math.max(longestMs, share.waitMs());
        clock.advance(share.waitMs());
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
  ["one large table", { nat: 450, filter: 5, mangle: 3 }, { nat: 27_739.726_027, filter: 4500, mangle: 4500 }],
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
