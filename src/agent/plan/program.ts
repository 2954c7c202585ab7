import type { Family } from "../../net/index.ts";
import { ChainMapBuilder, sameLines } from "./chain-map.ts";
import { DispatchChain } from "./dispatch-chain.ts";
import { filterJumps, type Jump, natJumps } from "./jumps.ts";
import type { ChainNames, SharedChain } from "./names.ts";
import { nodePortJumps } from "./node-ports.ts";
import type { PlanConfig } from "./plan-config.ts";
import type { ServicePlan } from "./service-plan.ts";
import { staticChains } from "./static-chains.ts";

export type TableName = "nat" | "filter" | "mangle";

export interface TableProgram {
  /** Chain -> rules, without `-A CHAIN`. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Those of one built-in chain in the order in which they have to stand. */
  readonly jumps: readonly Jump[];
  /** By which chains of ours are known from all others. */
  readonly names: ChainNames;
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
  readonly #dispatch: ReadonlyMap<SharedChain, DispatchChain>;
  readonly #touched: Set<SharedChain>;
  readonly #tables = { nat: new ChainMapBuilder(), filter: new ChainMapBuilder(), mangle: new ChainMapBuilder() };
  readonly #family: Family;
  readonly #config: PlanConfig;
  readonly #jumps: { readonly nat: readonly Jump[]; readonly filter: readonly Jump[] };

  constructor(family: Family, config: PlanConfig) {
    this.#family = family;
    this.#config = config;
    this.#jumps = { nat: natJumps(config.chains), filter: filterJumps(config.chains) };
    const shared = Object.values(config.chains.dispatch);
    this.#dispatch = new Map(shared.map((chain) => [chain, new DispatchChain()]));
    this.#touched = new Set(shared);
    for (const [name, lines] of staticChains(family, config)) this.#set(name, lines);
  }

  /** Sets the rules of one Service; undefined when it is gone. */
  set(key: string, plan: ServicePlan | undefined): void {
    const before = this.#plans.get(key);
    if (plan === undefined) this.#plans.delete(key);
    else this.#plans.set(key, plan);
    for (const chain of before?.chains.keys() ?? []) if (!plan?.chains.has(chain)) this.#tables.nat.delete(chain);
    for (const [chain, lines] of plan?.chains ?? []) this.#tables.nat.set(chain, lines);
    for (const [chain, dispatch] of this.#dispatch) {
      const rows = plan?.rows.get(chain);
      if (sameLines(before?.rows.get(chain), rows)) continue;
      dispatch.set(key, rows);
      this.#touched.add(chain);
    }
  }

  /** What is to be in the kernel now; later changes do not show in it. */
  program(): RuleProgram {
    for (const chain of this.#touched) this.#set(chain, this.#assemble(chain));
    this.#touched.clear();
    const { nat, filter, mangle } = this.#tables;
    const { chains: names } = this.#config;
    return new Map([
      ["nat", { chains: nat.snapshot(), jumps: this.#jumps.nat, names }],
      ["filter", { chains: filter.snapshot(), jumps: this.#jumps.filter, names }],
      ["mangle", { chains: mangle.snapshot(), jumps: [], names }],
    ]);
  }

  /** `name`: the table and the chain. */
  #set(name: string, lines: readonly string[]): void {
    const [table = "", chain = ""] = name.split(" ");
    this.#tables[table as TableName].set(chain, lines);
  }

  #assemble(chain: SharedChain): readonly string[] {
    const lines = this.#dispatch.get(chain)?.lines() ?? [];
    const isFirst = chain === this.#config.chains.dispatch.natServices;
    return isFirst ? [...lines, ...nodePortJumps(this.#family, this.#config)] : lines;
  }
}
