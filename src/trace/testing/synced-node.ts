import { AgentMetrics } from "../../agent/metrics.ts";
import { NodeProxy } from "../../agent/node-proxy.ts";
import { SyncHealth } from "../../agent/sync-health.ts";
import { nodeSettings } from "../../agent/testing/settings.ts";
import { MemoryState } from "../../agent/testing/state.ts";
import { objectKey } from "../../api/index.ts";
import { FakeClock } from "../../base/fake-clock.ts";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { type Exec, parseIptablesSave } from "../../kernel/index.ts";
import { createMetrics, nullLogger } from "../../telemetry/index.ts";
import { compileRules, type TraceOptions } from "../index.ts";
import { machine, type Served, send } from "./scenario.ts";

/** How many rules of a table are in the program, and how many of them the last write had. */
interface RuleCount {
  readonly total: number;
  readonly written: number;
}

/** The agent of an IPv4 node with a kernel of its own, sync by sync; packets go through what that kernel holds. */
export class SyncedNode {
  readonly kernel: FakeIptables = new FakeIptables("IPv4");
  readonly #state = new MemoryState();
  readonly #registry = createMetrics();
  readonly #clock = new FakeClock();
  readonly #proxy: NodeProxy;

  constructor() {
    const exec: Exec = {
      run: async (program, args, options) =>
        program === "conntrack"
          ? { code: 0, stdout: "", stderr: "" }
          : this.kernel.run(program, args, { ...(options.stdin !== undefined && { stdin: options.stdin }) }),
    };
    const clock = this.#clock;
    this.#proxy = new NodeProxy({
      settings: nodeSettings({ families: ["IPv4"] }),
      state: this.#state,
      exec,
      localSockets: async () => [],
      localAddresses: () => machine.addresses,
      health: new SyncHealth(["IPv4"], clock),
      healthPorts: { update: async () => 0 },
      metrics: new AgentMetrics(this.#registry),
      logger: nullLogger,
      clock,
    });
  }

  set(...served: readonly Served[]): void {
    for (const [service, slices] of served) {
      const key = objectKey(service.metadata);
      this.#state.services.set(key, service);
      this.#state.allSlices.set(key, [...slices]);
      this.#proxy.serviceChanged(key);
    }
  }

  delete(key: string): void {
    this.#state.services.delete(key);
    this.#state.allSlices.delete(key);
    this.#proxy.serviceChanged(key);
  }

  /** And lets the time pass after which the next one is due. */
  async sync(): Promise<void> {
    this.#clock.advance((await this.#proxy.sync(new AbortController().signal)) ?? 0);
  }

  send(from: string, to: string, options: TraceOptions = {}): string {
    return send(compileRules(parseIptablesSave(this.kernel.save())), from, to, options);
  }

  /** Of the metrics that kube-proxy has as well. */
  async rules(table: string): Promise<RuleCount> {
    const [total = 0, written = 0] = await Promise.all(
      ["total", "last"].map((name) => this.metric(`sync_proxy_rules_iptables_${name}`, { table })),
    );
    return { total, written };
  }

  /** The value of a metric of ours; 0 when nobody has set it. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const found = await this.#registry.getSingleMetric(`kubeproxy_${name}`)?.get();
    const values = found?.values ?? [];
    return (
      values.find((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))?.value ?? 0
    );
  }
}
