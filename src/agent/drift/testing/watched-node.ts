import { randomBytes } from "node:crypto";
import { expect, vi } from "vitest";
import { type Clock, systemClock } from "../../../base/index.ts";
import {
  addNetns,
  deleteNetns,
  type Exec,
  execOk,
  type Follow,
  inputText,
  netnsExec,
  netnsFollow,
  openLegacyTables,
  systemExec,
  systemFollow,
} from "../../../kernel/index.ts";
import { inNetns } from "../../../kernel/testing/netns.ts";
import { node, port, service, slice } from "../../../model/testing/objects.ts";
import type { Family } from "../../../net/index.ts";
import { createMetrics, type LogFields, type Metrics, nullLogger } from "../../../telemetry/index.ts";
import { AgentMetrics } from "../../metrics.ts";
import { NodeProxy } from "../../node-proxy.ts";
import { SyncHealth } from "../../sync-health.ts";
import { nodeSettings } from "../../testing/settings.ts";
import { MemoryState } from "../../testing/state.ts";
import { Drift, OwnWrites } from "../index.ts";

const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const host = systemExec(environment);
export const families: readonly Family[] = ["IPv4", "IPv6"];
const forever = new AbortController().signal;

/** Polling that does not keep a test waiting for five seconds. */
function fastClock(times: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * times,
    schedule: (run, delayMs) => systemClock.schedule(run, delayMs / times),
  };
}

/** A node whose rules are watched, in a namespace of its own. */
export class WatchedNode {
  readonly netns: string = `bt-drift-${randomBytes(4).toString("hex")}`;
  readonly flavour: "nft" | "legacy";
  readonly state: MemoryState = new MemoryState();
  /** Input of each restore that succeeded, by family. */
  readonly restores: Readonly<Record<Family, string[]>> = { IPv4: [], IPv6: [] };
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

  /** With `dear` readings, rules are polled so rarely that nothing is found by it. */
  async start(enforceJumpOrder = false, dear = false): Promise<void> {
    // What is dear waits for more than a minute of the test's own time.
    const clock = this.flavour === "legacy" ? fastClock(dear ? 10 : 100) : systemClock;
    let cpuMs = 0;
    this.metrics = createMetrics();
    this.#stop = new AbortController();
    const exec: Exec = {
      run: async (program, args, options) => {
        const result = await this.#inside.run(this.#flavoured(program), args, options);
        if (program.endsWith("-restore") && result.code === 0)
          this.restores[program.startsWith("ip6") ? "IPv6" : "IPv4"].push(inputText(options.stdin));
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
      localSockets: async () => [],
      health: new SyncHealth(families, clock),
      healthPorts: { update: async () => 1 },
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
      cpuMs: () => {
        cpuMs += dear ? 1e9 : 0;
        return cpuMs;
      },
      openTables: () => inNetns(this.netns, openLegacyTables),
    });
    this.#proxy = proxy;
    await this.sync();
    this.#done = drift.run(this.#stop.signal);
    // The first comparison of everything is over.
    await vi.waitFor(() => expect(new Set(this.reads).size).toBe(3), { timeout: 20_000 });
    await vi.waitFor(() => expect(this.reads.length).toBeGreaterThanOrEqual(6), { timeout: 20_000 });
    for (const { exclusively } of proxy.kernels) await exclusively(async () => {});
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
