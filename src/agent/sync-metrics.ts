import type { ProxiedService } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Written } from "./apply/index.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { RuleProgram } from "./plan/index.ts";

export function countRules(metrics: AgentMetrics, family: Family, program: RuleProgram, written: Written): void {
  for (const [table, { chains }] of program) {
    const labels = { table, ip_family: family };
    metrics.rules.set(
      labels,
      [...chains.values()].reduce((sum, lines) => sum + lines.length, 0),
    );
    metrics.rulesLastSync.set(labels, written.rules.get(table) ?? 0);
  }
}

/** Policy Local with endpoints, but none here: such traffic is dropped. */
export function countNoLocalEndpoints(
  metrics: AgentMetrics,
  families: readonly Family[],
  services: readonly ProxiedService[],
): void {
  const ports = services
    .flatMap((service) => service.ports)
    .filter(({ choice }) => choice.any && choice.local.length === 0);
  for (const family of families) {
    const own = ports.filter((port) => port.family === family);
    const set = (policy: string, n: number): void =>
      metrics.noLocalEndpoints.set({ traffic_policy: policy, ip_family: family }, n);
    set("internal", own.filter(({ internalPolicy }) => internalPolicy === "Local").length);
    set("external", own.filter(({ externalPolicy }) => externalPolicy === "Local").length);
  }
}
