import fc from "fast-check";
import { expect, it } from "vitest";
import { afterProbe, type ProbeResult, type TargetHealth, unprobed } from "./health.ts";

const check = { port: 1, path: "/", intervalMs: 1, timeoutMs: 1, unhealthyAfter: 2, healthyAfter: 1 };
const ok: ProbeResult = { ok: true };
const bad: ProbeResult = { ok: false, reason: "HTTP 503" };

function after(results: string, start = unprobed, thresholds = check): TargetHealth {
  return results.split("").reduce((state, result) => afterProbe(state, result === "+" ? ok : bad, thresholds), start);
}

it.each([
  ["+", true],
  ["-", false],
  ["+-", true],
  ["+--", false],
  ["+-+-", true],
  ["+--+", true],
  ["-+", true],
])("after %s: healthy = %s", (results, healthy) => {
  expect(after(results)).toMatchObject({ healthy, settled: true });
});

it("believes the first answer to a new question at once", () => {
  expect(after("-", { ...after("+"), settled: false })).toMatchObject({ healthy: false, reason: "HTTP 503" });
});

it("changes only after so many contradictions in a row", () => {
  const signs = fc.string({ unit: fc.constantFrom("+", "-"), minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(signs, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (results, down, up) => {
      const thresholds = { ...check, unhealthyAfter: down, healthyAfter: up };
      const [first = "", ...rest] = results.split("");
      // Written anew, as a run length over the text.
      let healthy = first === "+";
      let seen = "";
      for (const sign of rest) {
        seen += sign;
        if (seen.endsWith((healthy ? "-" : "+").repeat(healthy ? down : up))) {
          healthy = !healthy;
          seen = "";
        }
      }
      expect(after(results, unprobed, thresholds).healthy).toBe(healthy);
    }),
  );
});
