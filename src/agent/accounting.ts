import { Counter } from "prom-client";
import type { Exec } from "../kernel/index.ts";
import { Nfacct } from "../kernel/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { accountingNames } from "./plan/index.ts";

/** The counters of our rules, and the metrics of kube-proxy that show them. */
const counters = [
  {
    name: accountingNames.invalidDropped,
    metric: "kubeproxy_iptables_ct_state_invalid_dropped_packets_total",
    help: "Packets that connection tracking found invalid and a rule dropped.",
  },
  {
    name: accountingNames.localhostNodePorts,
    metric: "kubeproxy_iptables_localhost_nodeports_accepted_packets_total",
    help: "First packets of connections to NodePorts on loopback addresses.",
  },
] as const;

/** Registers the metrics; they are read from the kernel when somebody asks for them. */
export function registerAccounting(exec: Exec, registry: Metrics, signal: AbortSignal): void {
  const nfacct = new Nfacct(exec);
  for (const { name, metric, help } of counters)
    registry.registerMetric(
      new Counter({
        name: metric,
        help,
        registers: [],
        async collect() {
          // A counter that cannot be read now shows nothing; the other metrics are worth more than a failed scrape.
          const packets = (await nfacct.packets(signal).catch(() => undefined))?.get(name);
          this.reset();
          if (packets !== undefined) this.inc(packets);
        },
      }),
    );
}
