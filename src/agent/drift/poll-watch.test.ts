import { afterEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { nullLogger } from "../../telemetry/index.ts";
import { chainNames, kubePrefix, type RuleProgram } from "../plan/index.ts";
import { PollWatch } from "./poll-watch.ts";
import { targetOf } from "./testing/target.ts";
import type { CheckResult } from "./watch.ts";

const nothing = { chains: new Map(), jumps: [], names: chainNames(kubePrefix) };
const program: RuleProgram = new Map([
  ["nat", nothing],
  ["filter", nothing],
  ["mangle", nothing],
]);

let stop = new AbortController();
let running: Promise<unknown> = Promise.resolve();
afterEach(async () => {
  stop.abort();
  await running;
});

/** Polls with checks that cost `costs` ms and end as `results` say, and tells at which second each table was checked. */
function poll(costs: Record<string, number>, results: Record<string, (CheckResult | Error)[]> = {}) {
  const clock = new FakeClock();
  const checks: string[] = [];
  let cpuMs = 0;
  const watch = new PollWatch({
    target: targetOf(program),
    cpuMs: () => cpuMs,
    logger: nullLogger,
    clock,
    random: () => 0,
  });
  stop = new AbortController();
  running = watch
    .run(async ({ table, chains }) => {
      expect(chains).toBeUndefined();
      checks.push(`${table} ${clock.monotonic() / 1000}`);
      cpuMs += costs[table] ?? 0;
      const result = results[table]?.shift() ?? "intact";
      if (result instanceof Error) throw result;
      return result;
    }, stop.signal)
    .catch(() => {});
  return { clock, checks };
}

it("reads everything every five seconds while that costs little", async () => {
  const { clock, checks } = poll({ nat: 45, filter: 5, mangle: 3 });
  await clock.run(60_000);
  const seconds = Array.from({ length: 13 }, (_, i) => i * 5);
  expect(checks.toSorted()).toEqual(
    seconds.flatMap((s) => ["nat", "filter", "mangle"].map((table) => `${table} ${s}`)).toSorted(),
  );
});

it("reads what costs much less often, and the rest as before", async () => {
  const { clock, checks } = poll({ nat: 500, filter: 5, mangle: 3 });
  await clock.run(120_000);
  expect(checks.filter((check) => check.startsWith("mangle"))).toHaveLength(25);
  // Two to learn the cost, then 500 ms at less than 2 %.
  const nat = checks.filter((check) => check.startsWith("nat")).map((check) => Number(check.split(" ")[1]));
  expect(nat.slice(0, 2)).toEqual([0, 5]);
  expect(nat[2]).toBeGreaterThan(5 + 25);
  expect(nat.length).toBeLessThan(7);
});

it("looks at everything when one table was altered", async () => {
  const { clock, checks } = poll({ nat: 500 }, { mangle: ["intact", "intact", "intact", "repaired"] });
  await clock.run(15_000);
  expect(checks.filter((check) => check.startsWith("nat"))).toEqual(["nat 0", "nat 5", "nat 15"]);
});

it("tries what failed again with back-off, and goes on with the rest", async () => {
  const failures = [1, 2, 3].map((n) => new Error(`${n}`));
  const { clock, checks } = poll({}, { nat: failures });
  await clock.run(50_000);
  expect(checks.filter((check) => check.startsWith("nat"))).toEqual([0, 5, 15, 35, 40, 45, 50].map((s) => `nat ${s}`));
  expect(checks.filter((check) => check.startsWith("filter"))).toHaveLength(11);
});
