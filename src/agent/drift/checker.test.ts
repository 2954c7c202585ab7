import { Counter, Gauge } from "prom-client";
import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { UnreadableTableError } from "../../kernel/index.ts";
import { createMetrics } from "../../telemetry/index.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { nothingWritten } from "../apply/testing/written.ts";
import { kubePrefix, chainNames as namesOf, type RuleProgram } from "../plan/index.ts";
import { Checker, type KernelRules } from "./checker.ts";
import { ForeignRules } from "./foreign-rules.ts";
import { JumpOrder } from "./jump-order.ts";
import { OwnWrites } from "./own-writes.ts";
import type { Suspect } from "./watch.ts";

const signal = new AbortController().signal;
const chainNames = Array.from({ length: 50 }, (_, i) => `KUBE-${i}`);
const program: RuleProgram = new Map([
  [
    "filter",
    {
      chains: new Map(chainNames.map((name) => [name, ["-j ACCEPT"]])),
      jumps: [{ from: "INPUT", rule: "-j KUBE-1" }],
      names: namesOf(kubePrefix),
    },
  ],
]);

let chains = new Map<string, string[]>();
let reads: string[] = [];
let repairs: string[] = [];
let log = new MemoryLog();
let turns = 0;
let knowsKernel = true;
/** Happens during the next read. */
let meanwhile: () => Promise<unknown> = async () => {};
/** The chain with a rule that iptables cannot print. */
let unprintable: string | undefined;
let ownWrites = new OwnWrites(new FakeClock());
let checker: Checker;

const applier: KernelRules["applier"] = {
  program,
  get knowsKernel() {
    return knowsKernel;
  },
  repair: async (differences) => {
    for (const { write, insert } of differences) {
      repairs.push(...write.map(([chain]) => chain), ...insert.map(({ from, position }) => `${from} ${position}`));
      for (const [chain, lines] of write) chains.set(chain, [...lines]);
    }
    return nothingWritten;
  },
};

async function read<T>(what: string, answer: () => T): Promise<T> {
  reads.push(what);
  const result = answer();
  const happens = meanwhile;
  meanwhile = async () => {};
  await happens();
  return result;
}

beforeEach(() => {
  chains = new Map(chainNames.map((name) => [name, ["-j ACCEPT"]]));
  chains.set("INPUT", ["-j KUBE-1"]);
  [reads, repairs, turns, knowsKernel] = [[], [], 0, true];
  log = new MemoryLog();
  meanwhile = async () => {};
  unprintable = undefined;
  const clock = new FakeClock();
  ownWrites = new OwnWrites(clock);
  const registers = [createMetrics()];
  checker = new Checker({
    target: {
      kernels: [
        {
          family: "IPv4",
          applier,
          exclusively: (run) => {
            turns += 1;
            return run();
          },
        },
      ],
      programmed: Promise.resolve(),
    },
    iptables: () => ({
      hasRule: (_table, chain, rule) => read(`${chain} ${rule}`, () => chains.get(chain)?.includes(rule) === true),
      listChain: (_table, chain) => read(chain, () => (chain === unprintable ? undefined : chains.get(chain))),
      saveText: (_signal, table) => read(`all of ${table}`, saved),
    }),
    ownWrites,
    foreign: new ForeignRules(
      new Gauge({ name: "f", help: "-", labelNames: ["ip_family", "table", "chain"], registers }),
      log,
    ),
    jumpOrder: new JumpOrder({ enforced: false, again: () => {}, clock, random: () => 0 }),
    repairs: new Counter({ name: "r", help: "-", labelNames: ["ip_family", "table"], registers }),
    logger: log,
    clock,
  });
});

function saved(): string {
  if (unprintable !== undefined) throw new UnreadableTableError("iptables-save", "filter");
  const names = [...chains.keys()].map((name) => `:${name} ${name === "INPUT" ? "ACCEPT" : "-"} [0:0]`);
  const rules = [...chains].flatMap(([name, list]) => list.map((rule) => `-A ${name} ${rule}`));
  return ["*filter", ...names, ...rules, "COMMIT", ""].join("\n");
}

function suspect(...names: readonly string[]): Suspect {
  return { family: "IPv4", table: "filter", chains: names.length === 0 ? undefined : new Set(names), by: ["x[1]"] };
}

it("takes no turn when everything is as written", async () => {
  expect(await checker.check(suspect("KUBE-2", "INPUT"), signal)).toBe("intact");
  expect([reads, turns, log.lines]).toEqual([["INPUT", "KUBE-2"], 0, []]);
});

it.each([
  ["a rule", "KUBE-2", ["KUBE-2"]],
  ["a jump", "INPUT", ["INPUT 1"]],
])("has %s written again that is missing, after one reading", async (_what, chain, expected) => {
  chains.set(chain, []);
  expect(await checker.check(suspect("KUBE-3", chain), signal)).toBe("repaired");
  expect(repairs).toEqual(expected);
  expect([reads.length, turns]).toEqual([2, 1]);
  expect(log.fields("warn")).toEqual([expect.objectContaining({ family: "IPv4", table: "filter", process: "x[1]" })]);
});

it("puts no jump beside the one that is there where it cannot see it", async () => {
  unprintable = "INPUT";
  expect(await checker.check(suspect("INPUT"), signal)).toBe("intact");
  chains.set("INPUT", []);
  expect(await checker.check(suspect("INPUT"), signal)).toBe("repaired");
  expect(repairs).toEqual(["INPUT 1"]);
});

it("goes chain by chain through a table that cannot be shown, and says so once", async () => {
  unprintable = "INPUT";
  chains.set("KUBE-2", []);
  expect(await checker.check(suspect(), signal)).toBe("repaired");
  expect(repairs).toEqual(["KUBE-2"]);
  expect(await checker.check(suspect(), signal)).toBe("intact");
  expect(log.fields("warn").filter(({ err }) => err instanceof UnreadableTableError)).toHaveLength(1);
});

it("has a chain made again that is not there", async () => {
  chains.delete("KUBE-2");
  expect(await checker.check(suspect("KUBE-2"), signal)).toBe("repaired");
  expect(repairs).toEqual(["KUBE-2"]);
});

it("reads again in its turn what was written meanwhile", async () => {
  chains.set("KUBE-2", []);
  const exec = ownWrites.through({
    run: async () => {
      chains.set("KUBE-2", ["-j ACCEPT"]);
      return { code: 0, stdout: "", stderr: "" };
    },
  });
  meanwhile = () => exec.run("iptables-restore", [], { signal, stdin: "*filter\n:KUBE-2 - [0:0]\nCOMMIT\n" });
  expect(await checker.check(suspect("KUBE-2"), signal)).toBe("intact");
  expect([reads, turns, repairs]).toEqual([["KUBE-2", "KUBE-2"], 1, []]);
});

it.each([
  ["of any chain", suspect()],
  ["of many chains", suspect(...chainNames)],
])("reads a table at once for a suspicion %s", async (_what, one) => {
  chains.set("KUBE-2", ["-j DROP"]);
  expect(await checker.check(one, signal)).toBe("repaired");
  expect([reads, repairs]).toEqual([["all of filter"], ["KUBE-2"]]);
  expect(await checker.check(one, signal)).toBe("intact");
  expect(await checker.check(one, signal)).toBe("intact");
  chains.set("KUBE-4", []);
  expect(await checker.check(one, signal)).toBe("repaired");
  expect(repairs).toEqual(["KUBE-2", "KUBE-4"]);
});

it("leaves it to the next sync when nobody knows what the kernel holds", async () => {
  knowsKernel = false;
  expect(await checker.check(suspect("KUBE-2"), signal)).toBe("unknown");
  expect(await checker.check({ ...suspect(), family: "IPv6" }, signal)).toBe("unknown");
  expect(await checker.check({ ...suspect(), table: "nat" }, signal)).toBe("unknown");
  expect(reads).toEqual([]);
});

it("tells of foreign rules only where it has read", async () => {
  chains.set("INPUT", ["-s 10.0.0.1/32 -j DROP", "-j KUBE-1"]);
  await checker.check(suspect("KUBE-2"), signal);
  expect(log.lines).toEqual([]);
  await checker.check(suspect("INPUT"), signal);
  await checker.check(suspect(), signal);
  expect(log.fields("warn")).toEqual([
    { family: "IPv4", table: "filter", chain: "INPUT", rule: "-s 10.0.0.1/32 -j DROP" },
  ]);
});
