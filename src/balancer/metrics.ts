import { Counter, Gauge } from "prom-client";
import type { Metrics } from "../telemetry/index.ts";

export interface BalancerMetrics {
  readonly targets: Gauge<"state">;
  readonly rulesets: Counter;
  readonly flowsDropped: Counter;
  readonly connectionsCut: Counter;
  readonly failures: Counter;
}

export function balancerMetrics(registry: Metrics): BalancerMetrics {
  const registers = [registry];
  return {
    targets: new Gauge({
      name: "berth_balancer_targets",
      help: "Targets of this load balancer by state",
      labelNames: ["state"],
      registers,
    }),
    rulesets: new Counter({
      name: "berth_balancer_rulesets_applied_total",
      help: "Transactions that changed rules in the kernel",
      registers,
    }),
    flowsDropped: new Counter({
      name: "berth_balancer_flows_dropped_total",
      help: "UDP flows and unanswered TCP connections forgotten because their target takes no traffic any more",
      registers,
    }),
    connectionsCut: new Counter({
      name: "berth_balancer_connections_cut_total",
      help: "TCP connections ended because what they lead to was no longer wanted and their time to drain was over",
      registers,
    }),
    failures: new Counter({
      name: "berth_balancer_failures_total",
      help: "Attempts to bring the configuration into force that failed",
      registers,
    }),
  };
}
