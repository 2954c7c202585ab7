import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Clock, systemClock } from "../../base/index.ts";
import {
  addNetns,
  deleteNetns,
  type Exec,
  execOk,
  type Follow,
  netnsExec,
  netnsFollow,
  systemExec,
  systemFollow,
} from "../../kernel/index.ts";
import { node, port, service, slice } from "../../model/testing/objects.ts";
import type { Family } from "../../net/index.ts";
import { createMetrics, type LogFields, type Metrics, nullLogger } from "../../telemetry/index.ts";
import { AgentMetrics } from "../metrics.ts";
import { NodeProxy } from "../node-proxy.ts";
import { SyncHealth } from "../sync-health.ts";
import { nodeSettings } from "../testing/settings.ts";
import { MemoryState } from "../testing/state.ts";
import { Drift, OwnWrites } from "./index.ts";

const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const host = systemExec(environment);
const families: readonly Family[] = ["IPv4", "IPv6"];
const flavours = (["nft", "legacy"] as const).filter((flavour) => existsSync(`/usr/sbin/iptables-${flavour}-save`));
const forever = new AbortController().signal;

/** Polling that does not keep a test waiting for five seconds. */
const fastClock: Clock = {
  now: systemClock.now,
  monotonic: () => systemClock.monotonic() * 100,
  schedule: (run, delayMs) => systemClock.schedule(run, delayMs / 100),
};

/** A node whose rules are watched, in a namespace of its own. */
class WatchedNode {
  readonly netns = `bt-drift-${randomBytes(4).toString("hex")}`;
  readonly flavour: "nft" | "legacy";
  readonly state = new MemoryState();
  /** Input of each restore that succeeded. */
  readonly restores: string[] = [];
  /** Chains and tables read, as `table chain` or `table`. */
  readonly reads: string[] = [];
  readonly warnings: [string, LogFields][] = [];
  readonly monitors: number[] = [];
  metrics: Metrics = createMetrics();
  readonly #inside = netnsExec(host, this.netns);
  #proxy: NodeProxy | undefined;
  #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(flavour: "nft" | "legacy") {
    this.flavour = flavour;
    for (const [name, number] of [
      ["one", 1],
      ["two", 2],
    ] as const) {
      this.state.services.set(
        `ns/${name}`,
        service(`ns/${name}`, {
          clusterIP: `10.96.0.${number}`,
          clusterIPs: [`10.96.0.${number}`, `fd00:96::${number}`],
          ports: [port("p", 80)],
        }),
      );
      this.endpoints(`ns/${name}`, 2);
    }
    this.state.nodeObject = node("node-a");
  }

  endpoints(key: string, count: number): void {
    const list = (prefix: string) => Array.from({ length: count }, (_, i) => ({ ip: `${prefix}${i + 1}` }));
    this.state.allSlices.set(key, [
      slice("4", [{ name: "p", port: 80 }], list("10.244.1.")),
      { ...slice("6", [{ name: "p", port: 80 }], list("fd00:244:1::")), addressType: "IPv6" },
    ]);
  }

  async create(): Promise<void> {
    await addNetns(host, this.netns, { signal: forever });
  }

  async start(enforceJumpOrder = false): Promise<void> {
    const legacy = this.flavour === "legacy";
    const clock = legacy ? fastClock : systemClock;
    this.metrics = createMetrics();
    this.#stop = new AbortController();
    const exec: Exec = {
      run: async (program, args, options) => {
        const result = await this.#inside.run(this.#flavoured(program), args, options);
        if (program.endsWith("-restore") && result.code === 0) this.restores.push(String(options.stdin));
        else if (args[0] === "-t") this.reads.push(args[1] ?? "");
        else if (args.includes("-S")) this.reads.push(args.slice(3).join(" ").replace(" -S", ""));
        return result;
      },
    };
    const follow: Follow = (program, args, options) =>
      netnsFollow(systemFollow(environment), this.netns)(program, args, {
        ...options,
        onStart: (pid) => {
          this.monitors.push(pid);
          options.onStart?.(pid);
        },
      });
    const logger = { ...nullLogger, warn: (message: string, fields: LogFields = {}) => this.#warn(message, fields) };
    const ownWrites = new OwnWrites(clock);
    const proxy = new NodeProxy({
      settings: nodeSettings(),
      state: this.state,
      exec: ownWrites.through(exec),
      localAddresses: () => [],
      health: new SyncHealth(families, clock),
      healthPorts: { update: async () => {} },
      metrics: new AgentMetrics(this.metrics),
      logger: nullLogger,
      clock,
    });
    const drift = new Drift({
      target: proxy,
      flavour: this.flavour,
      exec,
      follow,
      ownWrites,
      enforceJumpOrder,
      resync: () => {},
      metrics: this.metrics,
      logger,
      clock,
      random: () => 0,
      cpuMs: () => 0,
    });
    this.#proxy = proxy;
    await this.sync();
    this.#done = drift.run(this.#stop.signal);
    // The first comparison of everything is over.
    await vi.waitFor(() => expect(new Set(this.reads).size).toBe(3), { timeout: 20_000 });
    await vi.waitFor(() => expect(this.reads.length).toBeGreaterThanOrEqual(6), { timeout: 20_000 });
    await this.#proxy.exclusively(async () => {});
  }

  async sync(...keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#proxy?.serviceChanged(key);
    await this.#proxy?.sync(forever);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /** `iptables`, `iptables-save` or `iptables-restore` of a family, run by somebody else. */
  async tool(family: Family, tool: string, args: readonly string[], stdin = ""): Promise<string> {
    const program = this.#flavoured(family === "IPv4" ? `iptables${tool}` : `ip6tables${tool}`);
    return await execOk(this.#inside, program, args, { signal: forever, stdin });
  }

  async nft(...args: readonly string[]): Promise<void> {
    await execOk(this.#inside, "nft", args, { signal: forever });
  }

  /** All rules, without counters, times and the order of chains. */
  async rules(family: Family): Promise<readonly string[]> {
    const text = await this.tool(family, "-save", []);
    return text
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line) => line.replace(/ \[\d+:\d+\]$/, ""))
      .sort();
  }

  async destroy(): Promise<void> {
    await deleteNetns(host, this.netns, { signal: forever });
  }

  #flavoured(program: string): string {
    return program.replace("tables", `tables-${this.flavour}`);
  }

  #warn(message: string, fields: LogFields): void {
    this.warnings.push([message, fields]);
  }
}

/** Lines of restore input that say what is touched; rules of chains that are written whole are left out. */
function touched(input: string): string[] {
  return input.split("\n").filter((line) => /^[:*]|^-[DIX]/.test(line));
}

async function untilRestored(watched: WatchedNode, count = 1): Promise<readonly string[]> {
  await vi.waitFor(() => expect(watched.restores.length).toBeGreaterThanOrEqual(count), { timeout: 20_000 });
  return watched.restores.flatMap(touched);
}

describe.each(flavours)("on iptables-%s", (flavour) => {
  const watched = new WatchedNode(flavour);
  beforeAll(async () => {
    await watched.create();
    await watched.start();
  });
  afterAll(async () => {
    await watched.stop();
    await watched.destroy();
  });
  beforeEach(() => {
    for (const list of [watched.restores, watched.reads, watched.warnings]) list.length = 0;
  });

  const repaired = "rules altered by somebody else; written again";

  describe.each(families)("%s", (family) => {
    /** Names in `nat` that depend on the flavour of nothing: read from the kernel once. */
    let svc = "";
    let sep = "";
    let before: readonly string[] = [];
    beforeAll(async () => {
      const saved = await watched.tool(family, "-save", ["-t", "nat"]);
      svc = /^-A KUBE-SERVICES .*ns\/one:p.* -j (\S+)$/m.exec(saved)?.[1] ?? "";
      sep = new RegExp(`^-A ${svc} .* -j (KUBE-SEP-\\S+)$`, "m").exec(saved)?.[1] ?? "";
      before = await watched.rules(family);
    });
    afterEach(async () => {
      await vi.waitFor(async () => expect(await watched.rules(family)).toEqual(before), { timeout: 20_000 });
    });

    it.each([
      ["a deleted rule", () => ["-t", "nat", "-D", "KUBE-SERVICES", "1"], "nat", () => ["KUBE-SERVICES"]],
      ["a replaced rule", () => ["-t", "nat", "-R", svc, "1", "-j", "RETURN"], "nat", () => [svc]],
      ["a foreign rule inside", () => ["-t", "nat", "-I", svc, "1", "-j", "ACCEPT"], "nat", () => [svc]],
      ["a foreign rule at the end", () => ["-A", "KUBE-FORWARD", "-j", "DROP"], "filter", () => ["KUBE-FORWARD"]],
      ["a flushed chain", () => ["-t", "nat", "-F", "KUBE-POSTROUTING"], "nat", () => ["KUBE-POSTROUTING"]],
      ["a lost canary", () => ["-t", "mangle", "-X", "KUBE-PROXY-CANARY"], "mangle", () => ["KUBE-PROXY-CANARY"]],
    ])("writes the chain of %s again, and no other", async (_what, args, table, chains) => {
      await watched.tool(family, "", args());
      const input = await untilRestored(watched);
      expect(input).toEqual([`*${table}`, ...chains().map((chain) => `:${chain} - [0:0]`)]);
      await vi.waitFor(() => expect(watched.warnings).toHaveLength(1));
      expect(watched.warnings).toEqual([
        [
          repaired,
          expect.objectContaining({
            family,
            table,
            chains: chains(),
            ...(flavour === "nft" && { process: expect.stringMatching(/^ip6?tables-nft\[\d+\]$/) }),
          }),
        ],
      ]);
    });

    it("puts a jump back to its place", async () => {
      await watched.tool(family, "", ["-D", "INPUT", "2"]);
      expect(await untilRestored(watched)).toEqual([
        "*filter",
        expect.stringMatching(/^-I INPUT 2 .* -j KUBE-NODEPORTS$/),
      ]);
    });

    it("makes a deleted chain anew, with what was taken away to delete it", async () => {
      const input = `*nat\n-F ${svc}\n-F ${sep}\n-X ${sep}\nCOMMIT\n`;
      await watched.tool(family, "-restore", ["--noflush"], input);
      expect(await untilRestored(watched)).toEqual(["*nat", ...[sep, svc].sort().map((chain) => `:${chain} - [0:0]`)]);
    });

    it("fills a flushed table again, and leaves the others alone", async () => {
      await watched.tool(family, "", ["-t", "nat", "-F"]);
      const input = await untilRestored(watched);
      const filled = before.filter((line) => line.startsWith("-A KUBE-")).map((line) => line.split(" ")[1]);
      const nat = (await watched.tool(family, "-save", ["-t", "nat"])).split("\n");
      const chains = [...new Set(filled)].filter((chain) => nat.some((line) => line.startsWith(`:${chain} `))).sort();
      expect(input).toEqual([
        "*nat",
        ...chains.filter((chain) => nat.some((line) => line.startsWith(`-A ${chain} `))).map((c) => `:${c} - [0:0]`),
        ...["PREROUTING 1", "OUTPUT 1", "POSTROUTING 1"].map((at) => expect.stringMatching(`^-I ${at} `)),
      ]);
    });

    it("tells once of a foreign rule above its jumps, and leaves it there", async () => {
      const label = { family, table: "filter", chain: "FORWARD" };
      const gauge = async (): Promise<number | undefined> =>
        (await watched.metrics.getSingleMetric("berth_agent_foreign_rules")?.get())?.values.find(
          ({ labels }) => labels["family"] === family && labels["chain"] === "FORWARD",
        )?.value;
      const rule = ["FORWARD", "-s", family === "IPv4" ? "192.0.2.9/32" : "2001:db8::9/128", "-j", "DROP"];
      await watched.tool(family, "", ["-I", ...rule]);
      await vi.waitFor(async () => expect(await gauge()).toBe(1), { timeout: 20_000 });
      expect(watched.warnings).toEqual([["foreign rule above our jumps", { ...label, rule: rule.slice(1).join(" ") }]]);
      await watched.tool(family, "", ["-D", ...rule]);
      await vi.waitFor(async () => expect(await gauge()).toBe(0), { timeout: 20_000 });
      expect(watched.warnings).toHaveLength(1);
      expect(watched.restores).toEqual([]);
    });
  });

  it("counts repairs", async () => {
    const repairs = await watched.metrics.getSingleMetricAsString("berth_agent_drift_repairs_total");
    expect(repairs).toMatch(/_total\{ip_family="IPv4",table="nat"\} 6\n/);
    expect(repairs).toMatch(/_total\{ip_family="IPv6",table="filter"\} 2\n/);
  });

  it.runIf(flavour === "nft")("fills all tables again after nft flush ruleset", async () => {
    const before = await Promise.all(families.map((family) => watched.rules(family)));
    await watched.nft("flush", "ruleset");
    await untilRestored(watched, 6);
    expect(await Promise.all(families.map((family) => watched.rules(family)))).toEqual(before);
    expect(watched.restores.map((input) => touched(input)[0]).sort()).toEqual(
      ["*filter", "*mangle", "*nat"].flatMap((table) => [table, table]),
    );
  });

  it.runIf(flavour === "nft")("looks neither at its own writes nor at what is not its own", async () => {
    watched.endpoints("ns/one", 3);
    await watched.sync("ns/one");
    await watched.nft("add", "table", "ip", "other");
    await watched.nft("add", "chain", "ip", "other", "KUBE-SERVICES");
    await watched.tool("IPv4", "", ["-t", "nat", "-N", "CNI-1"]);
    await watched.tool("IPv4", "", ["-t", "nat", "-A", "CNI-1", "-j", "ACCEPT"]);
    watched.endpoints("ns/one", 2);
    await watched.sync("ns/one");
    expect(watched.restores).toHaveLength(4);
    await watched.tool("IPv4", "", ["-t", "nat", "-F", "KUBE-MARK-MASQ"]);
    await untilRestored(watched, 5);
    expect(watched.reads).toEqual(["nat KUBE-MARK-MASQ"]);
  });

  it.runIf(flavour === "nft")("compares everything after its monitor ended", async () => {
    process.kill(watched.monitors.at(-1) ?? 0, "SIGKILL");
    await vi.waitFor(() =>
      expect(watched.warnings.map(([message]) => message)).toContain("nft monitor ended; started again"),
    );
    await watched.tool("IPv6", "", ["-t", "nat", "-F", "KUBE-MARK-MASQ"]);
    expect(await untilRestored(watched)).toEqual(["*nat", ":KUBE-MARK-MASQ - [0:0]"]);
    expect(new Set(watched.reads)).toEqual(new Set(["nat", "filter", "mangle"]));
  });

  it("moves its jumps above foreign rules when told to", async () => {
    await watched.stop();
    const before = await watched.tool("IPv4", "", ["-S", "FORWARD"]);
    watched.reads.length = 0;
    await watched.start(true);
    await watched.tool("IPv4", "", ["-I", "FORWARD", "2", "-s", "192.0.2.9/32", "-j", "DROP"]);
    await untilRestored(watched);
    expect(await watched.tool("IPv4", "", ["-S", "FORWARD"])).toBe(`${before}-A FORWARD -s 192.0.2.9/32 -j DROP\n`);
  });
});
