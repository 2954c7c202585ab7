import type { Family } from "../../net/index.ts";
import { filterJumps, type Jump, natJumps } from "./jumps.ts";
import { nodePortJumps } from "./node-ports.ts";
import type { PlanConfig } from "./plan-config.ts";
import { type ServicePlan, type SharedChain, sharedChains } from "./service-plan.ts";
import { staticChains } from "./static-chains.ts";

export type TableName = "nat" | "filter" | "mangle";

export interface TableProgram {
  /** Chain -> rules, without `-A CHAIN`. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Those of one built-in chain in the order in which they have to stand. */
  readonly jumps: readonly Jump[];
}

/**
 * All rules of one family, nat before filter: applied in that order a Service that gets its first endpoint is served
 * without a moment in which its address is neither translated nor refused.
 */
export type RuleProgram = ReadonlyMap<TableName, TableProgram>;

/**
 * Puts the rules of all Services together. Keeps what each Service last had, so that a change costs only its own
 * Service and the shared chains that it touches; `incremental = full` is what its property test says.
 */
export class RulePlanner {
  readonly #plans = new Map<string, ServicePlan>();
  readonly #shared = new Map<SharedChain, readonly string[]>();
  readonly #touched = new Set<SharedChain>(sharedChains);
  readonly #family: Family;
  readonly #config: PlanConfig;
  readonly #static: ReadonlyMap<string, readonly string[]>;
  #sorted: readonly string[] | undefined;

  constructor(family: Family, config: PlanConfig) {
    this.#family = family;
    this.#config = config;
    this.#static = staticChains(family, config);
  }

  /** Sets the rules of one Service; undefined when it is gone. */
  set(key: string, plan: ServicePlan | undefined): void {
    const before = this.#plans.get(key);
    if ((before === undefined) !== (plan === undefined)) this.#sorted = undefined;
    if (plan === undefined) this.#plans.delete(key);
    else this.#plans.set(key, plan);
    for (const chain of sharedChains)
      if (!sameLines(before?.rows.get(chain), plan?.rows.get(chain))) this.#touched.add(chain);
  }

  program(): RuleProgram {
    this.#sorted ??= [...this.#plans.keys()].sort();
    for (const chain of this.#touched) this.#shared.set(chain, this.#assemble(chain, this.#sorted));
    this.#touched.clear();
    const chains = { nat: new Map(), filter: new Map(), mangle: new Map() } satisfies Record<
      TableName,
      Map<string, readonly string[]>
    >;
    for (const [name, lines] of [...this.#shared, ...this.#static]) {
      const [table = "", chain = ""] = name.split(" ");
      chains[table as TableName].set(chain, lines);
    }
    for (const key of this.#sorted)
      for (const [chain, lines] of this.#plans.get(key)?.chains ?? []) chains.nat.set(chain, lines);
    return new Map([
      ["nat", { chains: chains.nat, jumps: natJumps }],
      ["filter", { chains: chains.filter, jumps: filterJumps }],
      ["mangle", { chains: chains.mangle, jumps: [] }],
    ]);
  }

  #assemble(chain: SharedChain, keys: readonly string[]): readonly string[] {
    const lines = keys.flatMap((key) => this.#plans.get(key)?.rows.get(chain) ?? []);
    return chain === "nat KUBE-SERVICES" ? [...lines, ...nodePortJumps(this.#family, this.#config)] : lines;
  }
}

export function sameLines(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && a.length === b.length && a.every((line, i) => line === b[i]);
}
