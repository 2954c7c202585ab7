import type { ProxiedService } from "../model/index.ts";
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

/** Ports of policy Local that have endpoints, but none here, in one family: such traffic is dropped. */
export class NoLocalEndpoints {
  readonly #metrics: AgentMetrics;
  readonly #family: Family;
  #internal = 0;
  #external = 0;

  constructor(metrics: AgentMetrics, family: Family) {
    this.#metrics = metrics;
    this.#family = family;
  }

  update(changes: Iterable<{ before: ProxiedService | undefined; after: ProxiedService | undefined }>): void {
    for (const { before, after } of changes) {
      this.#add(before, -1);
      this.#add(after, 1);
    }
    const show = (policy: string, count: number): void =>
      this.#metrics.noLocalEndpoints.set({ traffic_policy: policy, ip_family: this.#family }, count);
    show("internal", this.#internal);
    show("external", this.#external);
  }

  #add(service: ProxiedService | undefined, sign: 1 | -1): void {
    for (const { family, choice, internalPolicy, externalPolicy } of service?.ports ?? []) {
      if (family !== this.#family || !choice.any || choice.local.length > 0) continue;
      if (internalPolicy === "Local") this.#internal += sign;
      if (externalPolicy === "Local") this.#external += sign;
    }
  }
}
