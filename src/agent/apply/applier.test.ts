import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { FakeIptables, type Fault } from "../../kernel/fake-iptables.ts";
import {
  type ExecResult,
  Iptables,
  NotPermittedError,
  ProgramKilledError,
  ProgramMissingError,
  parseIptablesSave,
} from "../../kernel/index.ts";
import { port, service, slice } from "../../model/testing/objects.ts";
import { planService, RulePlanner, type RuleProgram, type ServicePlan } from "../plan/index.ts";
import { config, fixture, programOf, proxied } from "../plan/testing/services.ts";
import { difference, observe, type TableDifference } from "./difference.ts";
import { RuleApplier } from "./index.ts";

const signal = new AbortController().signal;
const program = programOf(fixture.map(proxied));
const empty = programOf([]);

let fake: FakeIptables;
let clock: FakeClock;
let applier: RuleApplier;

beforeEach(() => {
  fake = new FakeIptables("IPv4");
  clock = new FakeClock();
  applier = new RuleApplier(new Iptables(fake, "IPv4"), clock);
});

/** What the kernel holds of a program, whatever it held before. */
async function written(of: RuleProgram): Promise<string> {
  const other = new FakeIptables("IPv4");
  await new RuleApplier(new Iptables(other, "IPv4")).apply(of, signal);
  return sorted(other.save());
}

/** Chains come in the order in which they were made; the rules of each keep theirs. */
function sorted(save: string): string {
  const chain = (line: string): string => /^(?::|-A )(\S+)/.exec(line)?.[1] ?? "";
  const tables = save.split("COMMIT\n").map((table) => table.split("\n"));
  return tables.map((lines) => lines.toSorted((a, b) => chain(a).localeCompare(chain(b))).join("\n")).join("\n");
}

const failed = (code: number, stderr: string): ExecResult => ({ code, stdout: "", stderr });
const killed = new ProgramKilledError("iptables-restore", [], "SIGKILL", 300_000);
const missing = new ProgramMissingError("iptables-restore", new Error("ENOENT"));

describe("whatever ends a restore", () => {
  const ends: [string, Fault["end"], (new (...args: never[]) => Error) | string][] = [
    ["a kill, or its time limit", killed, ProgramKilledError],
    ["the program being gone", missing, ProgramMissingError],
    [
      "no permission",
      failed(
        4,
        "iptables-restore v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n",
      ),
      NotPermittedError,
    ],
    [
      "a full disk under the lock file",
      failed(4, "Fatal: can't open lock file /run/xtables.lock: No space left on device\n"),
      "No space left on device",
    ],
    ["no memory in the kernel", failed(1, "iptables-restore: line 2 failed\n"), "refused the rules at line 2"],
    [
      "the lock held by another",
      failed(4, "Another app is currently holding the xtables lock; still 0s 0us time ahead\n"),
      "has held the lock /run/xtables.lock for more than 5 s",
    ],
    ["an exit without a word", failed(1, ""), "no reason given"],
  ];
  const cases = ends.flatMap(([what, end, error]) =>
    [0, 1, 2, 3].map((commits) => [what, commits, end, error] as const),
  );

  it.each(cases)("%s after %i tables: the next write starts from what is there", async (_what, commits, end, error) => {
    fake.failures.push({ commits, end });
    await expect(applier.apply(program, signal)).rejects.toThrow(error);
    expect(applier.knowsKernel).toBe(false);
    const next = await applier.apply(program, signal);
    expect(next.observed).toBe(true);
    const tables = [...next.chains, ...next.jumps].map((name) => name.split(" ")[0]);
    expect(new Set(tables)).toEqual(new Set(["nat", "filter", "mangle"].slice(commits)));
    expect(sorted(fake.save())).toBe(await written(program));
    expect(applier.knowsKernel).toBe(true);
    // And in the same way when rules are there already.
    fake.failures.push({ commits, end });
    await expect(applier.apply(empty, signal)).rejects.toThrow(error);
    await applier.apply(empty, signal);
    expect(sorted(fake.save())).toBe(await written(empty));
    fake.restores.length = 0;
    await applier.apply(empty, signal);
    expect(fake.restores).toEqual([]);
  });
});

it("writes its rules into tables that others keep from being shown, and adds no jump twice", async () => {
  const kubelet = "*filter\n:KUBE-FIREWALL - [0:0]\n-A KUBE-FIREWALL -j DROP\n-A INPUT -s 10.9.9.9 -j DROP\nCOMMIT\n";
  fake.restore(kubelet);
  for (const table of ["filter", "nat", "raw"]) fake.hidden.add(table);
  const first = await applier.apply(program, signal);
  expect([first.unreadable, first.jumps.length]).toEqual([["nat", "filter"], 14]);
  const held = fake.save();
  expect(held).toContain("-A KUBE-FIREWALL -j DROP");
  const next = new RuleApplier(new Iptables(fake, "IPv4"), clock);
  expect((await next.apply(program, signal)).jumps).toEqual([]);
  expect(sorted(fake.save())).toBe(sorted(held));
  fake.restores.length = 0;
  expect(await next.apply(program, signal)).toMatchObject({ chains: [], jumps: [], unreadable: [] });
  expect(fake.restores).toEqual([]);
});

/** What the kernel does not hold of what was written last. */
function found(): TableDifference[] {
  const { program: last } = applier;
  return last === undefined ? [] : difference(observe(parseIptablesSave(fake.save()), last), last);
}

it("repairs what somebody found, and knows nothing any more when that fails", async () => {
  await applier.apply(program, signal);
  fake.chain("nat", "KUBE-MARK-MASQ")!.length = 0;
  fake.failures.push(failed(4, "iptables-restore: line 2 failed\n"));
  await expect(applier.repair(found(), signal)).rejects.toThrow("line 2");
  expect(applier.knowsKernel).toBe(false);
  await applier.apply(program, signal);
  fake.chain("nat", "KUBE-MARK-MASQ")!.length = 0;
  expect(await applier.repair(found(), signal)).toMatchObject({ chains: ["nat KUBE-MARK-MASQ"], jumps: [] });
  expect([applier.knowsKernel, found()]).toEqual([true, []]);
});

describe("a write with many new chains", () => {
  const many = (names: boolean): RuleApplier => {
    fake.namesRefusedLines = names;
    return new RuleApplier(new Iptables(fake, "IPv4"), clock, 5);
  };
  const newChains = [...program.get("nat")!.chains.keys()].filter((chain) => /^KUBE-(SEP|SV|EXT|FW)/.test(chain));

  it("is made in several restores on nf_tables, dispatch last, and in one on legacy", async () => {
    const result = await many(true).apply(program, signal);
    expect(fake.restores).toHaveLength(Math.ceil((newChains.length + 1) / 5) + 1);
    for (const restore of fake.restores.slice(0, -1)) {
      expect(restore).not.toMatch(/^(\*filter|:KUBE-(SERVICES|NODEPORTS)|-I|-A [A-Z]+ )/m);
      expect(restore.match(/^:/gm)!.length).toBeLessThanOrEqual(5);
    }
    expect(sorted(fake.save())).toBe(await written(program));
    expect(result.chains).toHaveLength([...program.values()].reduce((sum, { chains }) => sum + chains.size, 0));
    fake = new FakeIptables("IPv4");
    await many(false).apply(program, signal);
    expect(fake.restores).toHaveLength(1);
    expect(sorted(fake.save())).toBe(await written(program));
  });

  it.each([0, 1, 2, 3, 4])("heals when the restore behind %i others is killed", async (before) => {
    const one = many(true);
    for (let i = 0; i < before; i++) fake.failures.push({ commits: 1, end: { code: 0, stdout: "", stderr: "" } });
    fake.failures.push({ commits: 0, end: killed });
    await expect(one.apply(program, signal)).rejects.toThrow(ProgramKilledError);
    expect(one.knowsKernel).toBe(false);
    await one.apply(program, signal);
    expect(sorted(fake.save())).toBe(await written(program));
  });
});

describe("rules that are refused", () => {
  const count = 60;
  const key = (n: number): string => `ns/s${n}`;
  let planner: RulePlanner;
  let plans: Map<string, ServicePlan>;

  function set(n: number, endpoint = `10.1.${n >> 8}.${n & 255}`, spec = {}): void {
    const object = service(key(n), { clusterIP: `172.30.${n >> 8}.${n & 255}`, ports: [port("p", 80)], ...spec });
    const { ports } = proxied([object, [slice(`s${n}`, [{ name: "p", port: 80 }], [{ ip: endpoint }])]]);
    plans.set(key(n), planService(ports, config));
    planner.set(key(n), plans.get(key(n)));
  }

  const apply = () => applier.apply(planner.program(), signal, () => plans);
  const isolated = async () => (await apply()).isolated.map(({ service }) => service).sort();

  beforeEach(() => {
    plans = new Map();
    planner = new RulePlanner("IPv4", config);
    for (let n = 1; n <= count; n++) set(n);
    fake.kernelRefuses = (rule) => /--to-destination 10\.66\./.test(rule);
  });

  async function expectAllBut(...bad: number[]): Promise<void> {
    const others = new RulePlanner("IPv4", config);
    for (const [k, plan] of plans) if (!bad.map(key).includes(k)) others.set(k, plan);
    expect(sorted(fake.save())).toBe(await written(others.program()));
  }

  it.each([
    ["nf_tables, which names lines", true, [], 1],
    ["nf_tables, which names lines", true, [1, 7, 33, 60], 5],
    ["legacy, which names the COMMIT", false, [1], 6],
    ["legacy, which names the COMMIT", false, [59], 6],
    ["legacy, which names the COMMIT", false, [20, 44], 12],
  ])("leaves out only the bad ones with %s: %#", async (_flavour, names, bad, most) => {
    fake.namesRefusedLines = names;
    for (const n of bad) set(n, `10.66.0.${n & 255}`);
    const result = await apply();
    expect(result.isolated.map(({ service }) => service).sort()).toEqual(bad.map(key).sort());
    expect(result.refusals).toBe(bad.length === 0 ? 0 : 1);
    await expectAllBut(...bad);
    expect(fake.restores.length).toBeLessThanOrEqual(most);
    // Then it is left alone.
    fake.restores.length = 0;
    expect(await isolated()).toEqual(bad.map(key).sort());
    expect(fake.restores).toEqual([]);
  });

  it("finds in row after row what the tool itself cannot read", async () => {
    for (const n of [3, 30]) set(n, undefined, { ports: [port("p", 80, { port: 9999 })] });
    fake.unreadable = (line) => line.includes("--dport 9999 ");
    expect(await isolated()).toEqual(["ns/s3", "ns/s30"]);
    await expectAllBut(3, 30);
    expect(fake.restores.length).toBeLessThanOrEqual(16);
  });

  it("takes a Service's old rules away with it, and brings it back when it changes", async () => {
    await apply();
    set(5, "10.66.0.5");
    expect(await isolated()).toEqual(["ns/s5"]);
    await expectAllBut(5);
    set(5, "10.1.9.9");
    fake.restores.length = 0;
    expect(await isolated()).toEqual([]);
    expect(fake.restores).toHaveLength(1);
    await expectAllBut();
  });

  it("tries again after a back-off that grows", async () => {
    set(5, "10.66.0.5");
    await apply();
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      waits.push(applier.dueInMs!);
      clock.advance(applier.dueInMs! - 1);
      fake.restores.length = 0;
      await apply();
      expect(fake.restores).toEqual([]);
      clock.advance(1);
      expect(await isolated()).toEqual(["ns/s5"]);
      await expectAllBut(5);
    }
    expect(waits[1]! / waits[0]!).toBeGreaterThan(1.6);
    expect(waits[2]! / waits[1]!).toBeGreaterThan(1.6);
    fake.kernelRefuses = () => false;
    clock.advance(applier.dueInMs!);
    expect(await isolated()).toEqual([]);
    expect(applier.dueInMs).toBeUndefined();
    await expectAllBut();
  });

  it("forgets a Service that is gone", async () => {
    set(5, "10.66.0.5");
    await apply();
    plans.delete(key(5));
    planner.set(key(5), undefined);
    expect(await isolated()).toEqual([]);
    expect(applier.dueInMs).toBeUndefined();
  });

  it("makes at most 16 restores at a time, and goes on from there", async () => {
    fake.namesRefusedLines = false;
    const bad = Array.from({ length: 12 }, (_, i) => i * 5 + 1);
    for (const n of bad) set(n, `10.66.0.${n}`);
    for (let tries = 0; ; tries++) {
      fake.restores.length = 0;
      const result = await apply().catch(() => undefined);
      expect(fake.restores.length).toBeLessThanOrEqual(16);
      expect(tries).toBeLessThan(10);
      if (result === undefined) continue;
      expect(result.isolated.map(({ service }) => service).sort()).toEqual(bad.map(key).sort());
      break;
    }
    await expectAllBut(...bad);
  });

  it.each([true, false])("blames no Service for a rule of our own (lines named: %s)", async (names) => {
    await apply();
    const before = sorted(fake.save());
    fake.namesRefusedLines = names;
    fake.kernelRefuses = (rule) => rule.startsWith("-A KUBE-MARK-MASQ");
    fake.chain("nat", "KUBE-MARK-MASQ")!.length = 0;
    set(5, "10.1.9.9");
    // The next one reads what the kernel holds.
    fake.failures.push({ commits: 0, end: killed });
    await expect(apply()).rejects.toThrow(ProgramKilledError);
    await expect(apply()).rejects.toThrow("iptables-restore refused the rules at line");
    expect(applier.dueInMs).toBeUndefined();
    expect(sorted(fake.save()).replaceAll(/^.*KUBE-MARK-MASQ -j MARK.*\n/gm, "")).toBe(
      before.replaceAll(/^.*KUBE-MARK-MASQ -j MARK.*\n/gm, ""),
    );
  });

  it("holds all but the bad in the end, whatever changes, fails and is altered meanwhile", async () => {
    const step = fc.oneof(
      fc.record({ change: fc.integer({ min: 1, max: 8 }), bad: fc.boolean() }),
      fc.record({ remove: fc.integer({ min: 1, max: 8 }) }),
      fc.record({
        commits: fc.nat(3),
        end: fc.constantFrom<Fault["end"]>(killed, missing, failed(1, "iptables-restore: line 9 failed\n")),
      }),
      fc.record({ alter: fc.constantFrom("KUBE-SERVICES", "KUBE-MARK-MASQ", "KUBE-POSTROUTING") }),
      fc.record({ wait: fc.constantFrom(1000, 100_000) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.constantFrom(3, 1000),
        fc.array(step, { maxLength: 12 }),
        async (names, maxNewChains, steps) => {
          plans = new Map();
          planner = new RulePlanner("IPv4", config);
          fake = new FakeIptables("IPv4");
          applier = new RuleApplier(new Iptables(fake, "IPv4"), clock, maxNewChains);
          fake.namesRefusedLines = names;
          fake.kernelRefuses = (rule) => rule.includes("--to-destination 10.66.");
          const bad = new Set<number>();
          for (const one of steps) {
            if ("change" in one) {
              set(one.change, one.bad ? `10.66.0.${one.change}` : `10.1.0.${one.change}`);
              bad[one.bad ? "add" : "delete"](one.change);
            } else if ("remove" in one) {
              plans.delete(key(one.remove));
              planner.set(key(one.remove), undefined);
              bad.delete(one.remove);
            } else if ("alter" in one) {
              fake.chain("nat", one.alter)?.splice(0, 1);
              if (applier.knowsKernel) await applier.repair(found(), signal).catch(() => {});
            } else if ("wait" in one) clock.advance(one.wait);
            else fake.failures.push(one);
            fake.restores.length = 0;
            await apply().catch(() => {});
            if (maxNewChains === 1000) expect(fake.restores.length).toBeLessThanOrEqual(16);
          }
          fake.failures.length = 0;
          // Faults that come twice in a row look like a refusal that was confirmed, and are forgiven with the next try.
          clock.advance(1_000_000);
          expect(new Set(await isolated())).toEqual(new Set([...bad].map(key)));
          await expectAllBut(...bad);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("blames nobody for a refusal that does not come again", async () => {
    await apply();
    set(5, "10.1.9.9");
    fake.failures.push(
      failed(4, "iptables-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (Cannot allocate memory)\n"),
    );
    await expect(apply()).rejects.toThrow("Cannot allocate memory");
    expect(await isolated()).toEqual([]);
    await expectAllBut();
  });
});
