import { expect, it, vi } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { type LegacyTables, ProgramMissingError } from "../../kernel/index.ts";
import { createMetrics } from "../../telemetry/index.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { chainNames, kubePrefix, type RuleProgram } from "../plan/index.ts";
import { Drift } from "./drift.ts";
import { OwnWrites } from "./own-writes.ts";
import { targetOf } from "./testing/target.ts";

const program: RuleProgram = new Map([
  ["mangle", { chains: new Map([["KUBE-PROXY-CANARY", []]]), jumps: [], names: chainNames(kubePrefix) }],
]);

function drift(
  flavour: "nft" | "legacy",
  kernel: FakeIptables,
  target = targetOf(program),
  resync: () => void = () => {},
  openTables: () => LegacyTables = () => ({
    layout: () => undefined,
    contents: () => undefined,
    [Symbol.dispose]: () => {},
  }),
) {
  const clock = new FakeClock();
  const logger = new MemoryLog();
  const one = new Drift({
    target,
    flavour,
    exec: kernel,
    follow: () => Promise.reject(new ProgramMissingError("nft", undefined)),
    ownWrites: new OwnWrites(clock),
    enforceJumpOrder: false,
    resync,
    metrics: createMetrics(),
    logger,
    clock,
    random: () => 0,
    cpuMs: () => 0,
    openTables,
  });
  return { drift: one, clock, logger };
}

it.each(["nft", "legacy"] as const)("polls on %s where there are no events", async (flavour) => {
  const kernel = new FakeIptables("IPv4");
  kernel.restore("*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n");
  const { drift: watched, clock, logger } = drift(flavour, kernel);
  const stop = new AbortController();
  const running = watched.run(stop.signal);
  await clock.run(10_000);
  expect(kernel.saves).toBe(2);
  expect(watched.state()).toEqual({ watch: "polling", foreignRules: [] });
  expect(logger.messages("warn")).toEqual(
    flavour === "legacy"
      ? []
      : ["altered rules are found later than they could be: the kernel's events cannot be read"],
  );
  stop.abort();
  await running;
});

it("asks for a sync when a repair has left the kernel unknown, and goes on after that", async () => {
  let knowsKernel = true;
  const repair = vi.fn(() => {
    knowsKernel = false;
    return Promise.reject(new Error("refused"));
  });
  const applier = {
    program,
    get knowsKernel() {
      return knowsKernel;
    },
    repair,
  };
  const resync = vi.fn();
  const target = { ...targetOf(program), kernels: [{ ...targetOf(program).kernels[0]!, applier }] };
  const { drift: watched, clock } = drift("legacy", new FakeIptables("IPv4"), target, resync);
  const stop = new AbortController();
  const running = watched.run(stop.signal);
  await clock.run(60_000);
  expect([repair.mock.calls.length, resync.mock.calls.length]).toEqual([1, 1]);
  knowsKernel = true;
  await clock.run(60_000);
  expect([repair.mock.calls.length, resync.mock.calls.length]).toEqual([2, 2]);
  stop.abort();
  await running;
});

it("polls without layouts where no socket can be had for them", async () => {
  const openTables = (): never => {
    throw new Error("no socket");
  };
  const kernel = new FakeIptables("IPv4");
  kernel.restore("*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n");
  const { drift: watched, clock, logger } = drift("legacy", kernel, undefined, undefined, openTables);
  const stop = new AbortController();
  const running = watched.run(stop.signal);
  await clock.run(10_000);
  expect(kernel.saves).toBe(2);
  expect(logger.messages("warn")).toEqual([
    "altered rules are found later than they could be: layouts of tables cannot be read",
  ]);
  stop.abort();
  await running;
});
