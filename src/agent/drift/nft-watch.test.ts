import { afterEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { onAbort } from "../../base/index.ts";
import { type Follow, ProgramMissingError } from "../../kernel/index.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { chainNames, kubePrefix, type RuleProgram } from "../plan/index.ts";
import { NftWatch } from "./nft-watch.ts";
import { OwnWrites } from "./own-writes.ts";
import { targetOf } from "./testing/target.ts";
import type { CheckResult } from "./watch.ts";

const program: RuleProgram = new Map([
  [
    "nat",
    {
      chains: new Map([
        ["KUBE-A", []],
        ["KUBE-B", []],
      ]),
      jumps: [{ from: "OUTPUT", rule: "-j KUBE-A" }],
      names: chainNames(kubePrefix),
    },
  ],
  ["filter", { chains: new Map([["KUBE-A", []]]), jumps: [], names: chainNames(kubePrefix) }],
]);

let stop = new AbortController();
let running: Promise<unknown> = Promise.resolve();
afterEach(async () => {
  stop.abort();
  await running.catch(() => {});
});

interface Watched {
  readonly clock: FakeClock;
  /** `family table chains (by)` of each check. */
  readonly checks: string[];
  readonly log: MemoryLog;
  readonly results: (CheckResult | Error)[];
  readonly ownWrites: OwnWrites;
  /** Prints lines of the monitor that runs now. */
  print(...lines: readonly string[]): void;
  /** Ends it. */
  end(): void;
  starts: number;
}

/** A watch that is up and has compared everything once. */
async function watching(costMs = 0, start: () => void = () => {}): Promise<Watched> {
  const clock = new FakeClock();
  const ownWrites = new OwnWrites(clock);
  let onLine: (line: string) => void = () => {};
  let end = Promise.withResolvers<void>();
  let cpuMs = 0;
  const watched: Watched = {
    clock,
    checks: [],
    log: new MemoryLog(),
    results: [],
    ownWrites,
    starts: 0,
    print: (...lines) => lines.forEach((line) => onLine(line)),
    end: () => end.resolve(),
  };
  const follow: Follow = async (_program, _args, options) => {
    start();
    watched.starts += 1;
    onLine = options.onLine;
    end = Promise.withResolvers();
    options.onStart?.(7);
    using _listener = onAbort(options.signal, () => end.resolve());
    await end.promise;
    options.signal.throwIfAborted();
    return { code: 1, stderr: "gone\n" };
  };
  const watch = new NftWatch({
    target: targetOf(program, ["IPv4", "IPv6"]),
    follow,
    listening: async (pid) => expect(pid).toBe(7),
    ownWrites,
    cpuMs: () => cpuMs,
    logger: watched.log,
    clock,
    random: () => 0,
  });
  stop = new AbortController();
  running = watch.run(async ({ family, table, chains, by }) => {
    watched.checks.push(`${family} ${table} ${chains === undefined ? "*" : [...chains].join("+")} (${by.join(" ")})`);
    cpuMs += costMs;
    const result = watched.results.shift() ?? "intact";
    if (result instanceof Error) throw result;
    return result;
  }, stop.signal);
  running.catch(() => {});
  await clock.run(5000);
  return watched;
}

const everything = ["IPv4 nat * ()", "IPv4 filter * ()", "IPv6 nat * ()", "IPv6 filter * ()"];
const commit = "# new generation 1 by process 7 (iptables)";

it("compares everything when it has begun to listen, and then nothing", async () => {
  const { checks, clock } = await watching();
  expect(checks).toEqual(everything);
  await clock.run(3_600_000);
  expect(checks).toHaveLength(4);
});

it.each([
  ["a rule of ours", ["delete rule ip nat KUBE-A handle 7"], ["IPv4 nat KUBE-A (iptables[7])"]],
  ["a jump", ["insert rule ip6 nat OUTPUT accept"], ["IPv6 nat OUTPUT (iptables[7])"]],
  ["a table", ["delete chain ip nat KUBE-A", "delete table ip nat"], ["IPv4 nat * (iptables[7])"]],
  [
    "several at once",
    ["add rule ip nat KUBE-A x", "delete rule ip nat KUBE-B handle 1", "add rule ip filter KUBE-A x"],
    ["IPv4 nat KUBE-A+KUBE-B (iptables[7])", "IPv4 filter KUBE-A (iptables[7])"],
  ],
  ["a built-in chain without a jump of ours", ["add rule ip nat INPUT x", "add rule ip filter OUTPUT x"], []],
  ["somebody else's chain", ["add chain ip nat CNI", "add rule ip nat CNI x"], []],
  ["somebody else's table", ["add table ip raw", "add rule ip raw KUBE-A x", "delete table ip raw"], []],
])("has checked what was touched: %s", async (_what, lines, expected) => {
  const { checks, clock, print } = await watching();
  checks.length = 0;
  print(...lines);
  await clock.run(1000);
  expect(checks).toEqual([]);
  print(commit);
  await clock.run(100);
  expect(checks).toEqual(expected);
});

it("leaves its own writes alone, and sees others in their midst", async () => {
  const { checks, clock, print, ownWrites } = await watching();
  checks.length = 0;
  const stdin = "*nat\n:KUBE-A - [0:0]\nCOMMIT\n";
  const exec = ownWrites.through({ run: async () => ({ code: 0, stdout: "", stderr: "" }) });
  await exec.run("iptables-restore", [], { stdin, signal: stop.signal });
  print("add rule ip nat KUBE-B x", commit);
  print("add rule ip nat KUBE-A x", "# new generation 2 by process 8 (iptables-nft-re)");
  await clock.run(10_000);
  expect(checks).toEqual(["IPv4 nat KUBE-B (iptables[7])"]);
});

it("checks a burst as one, and a storm at 2 % of a core", async () => {
  const { checks, clock, print } = await watching(20);
  checks.length = 0;
  for (let i = 0; i < 1000; i++) print("insert rule ip nat OUTPUT x", commit);
  await clock.run(1000);
  expect(checks).toHaveLength(1);
  for (let second = 0; second < 600; second++) {
    for (let i = 0; i < 10; i++) print("insert rule ip nat OUTPUT x", commit);
    await clock.run(1000);
  }
  // 600 s at 2 % are 12 s, and 2 s were saved up.
  expect(checks.length * 20).toBeLessThanOrEqual(14_100);
  expect(checks.length).toBeGreaterThan(400);
});

it("compares everything when events were lost", async () => {
  const { checks, clock, print, log } = await watching();
  checks.length = 0;
  print("add rule ip nat KUBE-A x", "# ERROR: We lost some netlink events!");
  await clock.run(100);
  expect(checks).toEqual(everything);
  expect(log.messages("warn")).toEqual(["nft monitor lost events; all tables are compared"]);
});

it("starts the monitor again with back-off, and compares everything then", async () => {
  const watched = await watching();
  const { checks, clock, end, log } = watched;
  checks.length = 0;
  for (const retryMs of [500, 1000, 2000]) {
    end();
    await clock.run(retryMs - 1);
    expect(log.fieldsOf("nft monitor ended; started again").at(-1)).toEqual({ retryMs, code: 1, why: "gone" });
    const { starts } = watched;
    await clock.run(1);
    expect(watched.starts).toBe(starts + 1);
  }
  await clock.run(70_000);
  expect(checks).toEqual([...everything, ...everything, ...everything]);
  end();
  await clock.run(1);
  expect(log.fields("warn").at(-1)?.retryMs).toBe(500);
});

it.each([
  ["the next sync reads the kernel", "unknown"],
  ["it failed", new Error("no")],
] as const)("checks again later when %s", async (_what, result) => {
  const { checks, clock, print, results } = await watching();
  checks.length = 0;
  results.push(result, result);
  print("delete rule ip nat KUBE-A handle 7", commit);
  await clock.run(10_000);
  expect(checks).toEqual(Array(3).fill("IPv4 nat KUBE-A (iptables[7])"));
  // Others do not wait for that.
  results.push(result);
  print("delete rule ip nat KUBE-A handle 7", commit);
  await clock.run(300);
  print("delete rule ip6 nat KUBE-B handle 7", commit);
  await clock.run(300);
  expect(checks.slice(3)).toEqual(["IPv4 nat KUBE-A (iptables[7])", "IPv6 nat KUBE-B (iptables[7])"]);
});

it("gives up when there is no nft", async () => {
  await watching(0, () => {
    throw new ProgramMissingError("nft", undefined);
  });
  await expect(running).rejects.toThrow(ProgramMissingError);
  running = Promise.resolve();
});
