import { FakeClock } from "../../base/fake-clock.ts";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import type { Exec, ExecResult } from "../../kernel/index.ts";
import type { WaitingSocket } from "../../model/index.ts";
import { createMetrics, type Metrics } from "../../telemetry/index.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { AgentMetrics } from "../metrics.ts";
import type { NodeSettings } from "../node-facts.ts";
import { NodeProxy } from "../node-proxy.ts";
import { SyncHealth } from "../sync-health.ts";
import { nodeSettings } from "./settings.ts";
import { MemoryState } from "./state.ts";

/** A node proxy over a state and kernels of both families that are in memory, with all that it told. */
export class ProxyBench {
  readonly state: MemoryState = new MemoryState();
  readonly v4: FakeIptables = new FakeIptables("IPv4");
  readonly v6: FakeIptables = new FakeIptables("IPv6");
  readonly log: MemoryLog = new MemoryLog();
  readonly clock: FakeClock = new FakeClock();
  localAddresses: string[] = ["192.168.0.2"];
  sockets: WaitingSocket[] | Error = [];
  socketReads = 0;
  health: SyncHealth = new SyncHealth(["IPv4", "IPv6"], this.clock);
  registry: Metrics = createMetrics();

  readonly exec: Exec = {
    run: async (program, args, options): Promise<ExecResult> => {
      if (program === "conntrack") {
        return { code: 0, stdout: "", stderr: "" };
      }
      return (program.startsWith("ip6") ? this.v6 : this.v4).run(program, args, options);
    },
  };

  start(settings: Partial<NodeSettings> = {}): NodeProxy {
    this.health = new SyncHealth(["IPv4", "IPv6"], this.clock);
    this.registry = createMetrics();
    return new NodeProxy({
      settings: nodeSettings(settings),
      state: this.state,
      exec: this.exec,
      localAddresses: () => this.localAddresses,
      localSockets: async () => {
        this.socketReads += 1;
        if (this.sockets instanceof Error) throw this.sockets;
        return this.sockets;
      },
      health: this.health,
      healthPorts: { update: async () => 0 },
      metrics: new AgentMetrics(this.registry),
      logger: this.log,
      clock: this.clock,
      random: () => 0,
    });
  }

  get restores(): string[] {
    return [...this.v4.restores, ...this.v6.restores];
  }

  forget(): void {
    this.v4.restores.length = 0;
    this.v6.restores.length = 0;
    this.log.clear();
  }

  async metric(name: string): Promise<unknown> {
    return (await this.registry.getSingleMetric(`kubeproxy_${name}`)?.get())?.values;
  }
}
