import { afterEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import type { Family } from "../../net/index.ts";
import { nullLogger } from "../../telemetry/index.ts";
import { chainNames, kubePrefix, type RuleProgram } from "../plan/index.ts";
import { PollWatch, type PollWatchOptions } from "./poll-watch.ts";
import { targetOf } from "./testing/target.ts";
import type { CheckResult } from "./watch.ts";

const nothing = { chains: new Map(), jumps: [], names: chainNames(kubePrefix) };

function programOf(natRules: number): RuleProgram {
  const rules = Array.from({ length: natRules }, () => "-j RETURN");
  return new Map([
    ["nat", { ...nothing, chains: new Map([["KUBE-SERVICES", rules]]) }],
    ["filter", nothing],
    ["mangle", nothing],
  ]);
}

let stop = new AbortController();
let running: Promise<unknown> = Promise.resolve();
afterEach(async () => {
  stop.abort();
  await running;
});

/** Polls with checks that cost `costs` ms and end as `results` say, and tells at which second each table was checked. */
function poll(
  costs: Record<string, number>,
  results: Record<string, (CheckResult | Error)[]> = {},
  layouts?: PollWatchOptions["layouts"],
  natRules = 0,
) {
  const clock = new FakeClock();
  const checks: string[] = [];
  const secondsOf = (table: string): number[] =>
    checks.filter((check) => check.startsWith(table)).map((check) => Number(check.split(" ")[1]));
  let cpuMs = 0;
  const watch = new PollWatch({
    target: targetOf(programOf(natRules)),
    layouts,
    cpuMs: () => cpuMs,
    logger: nullLogger,
    clock,
    random: () => 0,
  });
  stop = new AbortController();
  running = watch
    .run(async ({ table, chains }) => {
      expect(chains).toBeUndefined();
      cpuMs += costs[table] ?? 0;
      checks.push(`${table} ${clock.monotonic() / 1000}`);
      const result = results[table]?.shift() ?? "intact";
      if (result instanceof Error) throw result;
      return result;
    }, stop.signal)
    .catch(() => {});
  return { clock, checks, secondsOf };
}

/** Tables that somebody altered: each is told of until it is read. */
function fakeLayouts() {
  const altered = new Set<string>();
  const contents = new Map<string, string>();
  const layouts = {
    isAltered: (_family: Family, table: string) => altered.has(table),
    contents: (_family: Family, table: string) => contents.get(table),
    read: (_family: Family, table: string) => void altered.delete(table),
    doubt: (_family: Family, table: string) => void altered.add(table),
  };
  return { altered, contents, layouts };
}

it("reads everything every 4.5 seconds while that costs little", async () => {
  const { clock, checks } = poll({ nat: 40, filter: 5, mangle: 3 });
  await clock.run(54_000);
  const seconds = Array.from({ length: 12 }, (_, i) => (i + 1) * 4.5);
  expect(checks.toSorted()).toEqual(
    seconds.flatMap((s) => ["nat", "filter", "mangle"].map((table) => `${table} ${s}`)).toSorted(),
  );
});

it("reads what costs much less often, after a dear reading later, and the rest as before", async () => {
  const costs = { nat: 1600, filter: 5, mangle: 3 };
  const { clock, secondsOf } = poll(costs, {}, undefined, 100_000);
  await clock.run(60_000);
  // As many rules as will take 900 ms to compare, at less than 2 %.
  expect(secondsOf("nat")).toEqual([]);
  expect(secondsOf("mangle")).toHaveLength(13);
  await clock.run(10_000);
  expect(secondsOf("nat").map(Math.floor)).toEqual([68]);
  costs.nat = 320;
  await clock.run(150_000);
  expect(secondsOf("nat").map(Math.floor)).toEqual([68, 189, 213]);
});

it("looks at everything when one table was altered and no layouts tell of the others", async () => {
  const results = { mangle: ["intact", "intact", "repaired"] satisfies CheckResult[] };
  const without = poll({ nat: 500 }, { mangle: [...results.mangle] });
  await without.clock.run(20_000);
  expect(without.secondsOf("nat")).toEqual([4.5, 13.5]);
  stop.abort();
  await running;
  const { clock, secondsOf } = poll({ nat: 500 }, { mangle: [...results.mangle] }, fakeLayouts().layouts);
  await clock.run(20_000);
  expect(secondsOf("nat")).toEqual([4.5]);
});

it("reads a table whose layout is another within half a second, whatever it costs", async () => {
  const { altered, layouts } = fakeLayouts();
  const { clock, secondsOf } = poll({ nat: 500 }, {}, layouts);
  await clock.run(6200);
  altered.add("nat");
  await clock.run(6000);
  expect(secondsOf("nat")).toEqual([4.5, 6.5]);
});

it("has iptables read only what is not as it was when it was found intact", async () => {
  const { altered, contents, layouts } = fakeLayouts();
  contents.set("nat", "ours");
  const results: Record<string, CheckResult[]> = { nat: ["intact", "repaired", "intact"] };
  const { clock, secondsOf } = poll({ nat: 40 }, results, layouts);
  await clock.run(14_000);
  expect(secondsOf("nat")).toEqual([4.5]);
  contents.set("nat", "theirs");
  await clock.run(4500);
  expect(secondsOf("nat")).toEqual([4.5, 18]);
  // Written again, and only now known to be right.
  contents.set("nat", "ours again");
  await clock.run(20_000);
  expect(secondsOf("nat")).toEqual([4.5, 18, 22.5]);
  // Somebody added a rule and took it out.
  altered.add("nat");
  await clock.run(1000);
  expect([altered.has("nat"), secondsOf("nat")]).toEqual([false, [4.5, 18, 22.5]]);
});

it("is as quick after it had to read much because of our own changes, but does not do so all the time", async () => {
  const { contents, layouts } = fakeLayouts();
  const { clock, secondsOf } = poll({ nat: 300 }, {}, layouts);
  for (let second = 0; second < 60; second++) {
    contents.set("nat", `version ${second}`);
    await clock.run(1000);
  }
  // At 5 % of a core.
  expect(secondsOf("nat")).toEqual([4.5, 10.5, 16.5, 22.5, 28.5, 34.5, 40.5, 46.5, 52.5, 58.5]);
  await clock.run(14_000);
  contents.set("nat", "theirs");
  await clock.run(4500);
  expect(secondsOf("nat").slice(-2)).toEqual([64.5, 75]);
});

it("reads no more than its share allows while somebody alters a table all the time", async () => {
  const { altered, layouts } = fakeLayouts();
  const { clock, secondsOf } = poll({ nat: 500 }, {}, layouts);
  for (let second = 0; second < 60; second++) {
    altered.add("nat");
    await clock.run(1000);
  }
  const nat = secondsOf("nat");
  expect(nat.slice(0, 2)).toEqual([0.5, 1.5]);
  // The saved-up share is used up; from then on one in five seconds.
  expect(nat.filter((second) => second >= 30)).toHaveLength(6);
});

it("tries what failed again with back-off, and goes on with the rest", async () => {
  const failures = [1, 2, 3].map((n) => new Error(`${n}`));
  const { altered, layouts } = fakeLayouts();
  const { clock, secondsOf } = poll({}, { nat: failures }, layouts);
  await clock.run(54_000);
  expect(secondsOf("nat")).toEqual([4.5, 9, 18, 36, 40.5, 45, 49.5, 54]);
  expect(secondsOf("filter")).toHaveLength(12);
  expect(altered.size).toBe(0);
});
