import type { ProxiedPort, ProxiedService } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Written } from "./apply/index.ts";
import type { AgentMetrics } from "./metrics.ts";
import { type RuleProgram, ruleTotal } from "./plan/index.ts";

export function countRules(metrics: AgentMetrics, family: Family, program: RuleProgram, written: Written): void {
  for (const [table, { chains }] of program) {
    const labels = { table, ip_family: family };
    metrics.rules.set(labels, ruleTotal(chains));
    metrics.rulesLastSync.set(labels, written.rules.get(table) ?? 0);
  }
}

/** Counts ports of policy Local with endpoints, but none here: such traffic is dropped. */
export class NoLocalEndpoints {
  readonly #metrics: AgentMetrics;

  constructor(metrics: AgentMetrics, families: readonly Family[]) {
    this.#metrics = metrics;
    for (const family of families)
      for (const policy of ["internal", "external"]) metrics.noLocalEndpoints.set(labelsOf(policy, family), 0);
  }

  /** A Service is another one than before. */
  changed(before: ProxiedService | undefined, after: ProxiedService | undefined): void {
    for (const port of before?.ports ?? []) this.#count(port, -1);
    for (const port of after?.ports ?? []) this.#count(port, 1);
  }

  #count({ choice, family, internalPolicy, externalPolicy }: ProxiedPort, by: number): void {
    if (!choice.any || choice.local.length > 0) return;
    if (internalPolicy === "Local") this.#metrics.noLocalEndpoints.inc(labelsOf("internal", family), by);
    if (externalPolicy === "Local") this.#metrics.noLocalEndpoints.inc(labelsOf("external", family), by);
  }
}

function labelsOf(policy: string, family: Family): { traffic_policy: string; ip_family: Family } {
  return { traffic_policy: policy, ip_family: family };
}
