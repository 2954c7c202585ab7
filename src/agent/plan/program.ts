import type { Family } from "../../net/index.ts";
import { ChainMapBuilder, sameLines } from "./chain-map.ts";
import { DispatchChain } from "./dispatch-chain.ts";
import { type PlanConfig, type ServicePlan, type SharedChain, sharedChains } from "./service-plan.ts";

export type TableName = "nat" | "filter" | "mangle";

/** A rule of ours in a built-in chain. */
export interface Jump {
  readonly from: string;
  readonly rule: string;
}

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

/** Bit 14, as kubelet and CNI plug-ins know it. */
const masqueradeMark = "0x4000";

/**
 * Puts the rules of all Services together. Keeps what each Service last had, so that a change costs only its own
 * Service and the shared chains that it touches; `incremental = full` is what its property test says.
 */
export class RulePlanner {
  readonly #plans = new Map<string, ServicePlan>();
  readonly #dispatch = new Map(sharedChains.map((chain) => [chain, new DispatchChain()]));
  readonly #touched = new Set<SharedChain>(sharedChains);
  readonly #tables = { nat: new ChainMapBuilder(), filter: new ChainMapBuilder(), mangle: new ChainMapBuilder() };
  readonly #family: Family;
  readonly #config: PlanConfig;

  constructor(family: Family, config: PlanConfig) {
    this.#family = family;
    this.#config = config;
    for (const [name, lines] of staticChains(config)) this.#set(name, lines);
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
    return new Map([
      ["nat", { chains: nat.snapshot(), jumps: natJumps }],
      ["filter", { chains: filter.snapshot(), jumps: filterJumps }],
      ["mangle", { chains: mangle.snapshot(), jumps: [] }],
    ]);
  }

  /** `name`: the table and the chain. */
  #set(name: string, lines: readonly string[]): void {
    const [table = "", chain = ""] = name.split(" ");
    this.#tables[table as TableName].set(chain, lines);
  }

  #assemble(chain: SharedChain): readonly string[] {
    const lines = this.#dispatch.get(chain)?.lines() ?? [];
    return chain === "nat KUBE-SERVICES" ? [...lines, ...nodePortJumps(this.#family, this.#config)] : lines;
  }
}

function staticChains(config: PlanConfig): ReadonlyMap<string, readonly string[]> {
  return new Map([
    ["nat KUBE-POSTROUTING", postrouting],
    ["nat KUBE-MARK-MASQ", [`-j MARK --or-mark ${masqueradeMark}`]],
    ["nat KUBE-PROXY-CANARY", []],
    ["filter KUBE-FORWARD", forward(config)],
    ["filter KUBE-PROXY-CANARY", []],
    ["mangle KUBE-PROXY-CANARY", []],
  ]);
}

const postrouting = [
  `-m mark ! --mark ${masqueradeMark}/${masqueradeMark} -j RETURN`,
  // Cleared at once: the packet may come by again in another network namespace.
  `-j MARK --xor-mark ${masqueradeMark}`,
  '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
];

function forward({ dropInvalid }: PlanConfig): string[] {
  return [
    ...(dropInvalid ? ["-m conntrack --ctstate INVALID -j DROP"] : []),
    `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${masqueradeMark}/${masqueradeMark} -j ACCEPT`,
    '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  ];
}

function nodePortJumps(family: Family, { nodePortAddresses }: PlanConfig): string[] {
  const comment = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
  // NodePorts on loopback would need route_localnet, which opens the node's own services to its neighbours.
  const loopback = family === "IPv4" ? "127.0.0.0/8" : "::1/128";
  return nodePortAddresses === undefined
    ? [`${comment} -m addrtype --dst-type LOCAL ! -d ${loopback} -j KUBE-NODEPORTS`]
    : nodePortAddresses.map((address) => `${comment} -d ${address} -j KUBE-NODEPORTS`);
}

const onlyNew = "-m conntrack --ctstate NEW ";

function jump(from: string, to: string, comment: string, match = ""): Jump {
  return { from, rule: `${match}-m comment --comment "${comment}" -j ${to}` };
}

const natJumps: readonly Jump[] = [
  jump("PREROUTING", "KUBE-SERVICES", "kubernetes service portals"),
  jump("OUTPUT", "KUBE-SERVICES", "kubernetes service portals"),
  jump("POSTROUTING", "KUBE-POSTROUTING", "kubernetes postrouting rules"),
];

const filterJumps: readonly Jump[] = [
  jump("INPUT", "KUBE-PROXY-FIREWALL", "kubernetes load balancer firewall", onlyNew),
  jump("INPUT", "KUBE-NODEPORTS", "kubernetes health check service ports"),
  jump("INPUT", "KUBE-EXTERNAL-SERVICES", "kubernetes externally-visible service portals", onlyNew),
  jump("FORWARD", "KUBE-PROXY-FIREWALL", "kubernetes load balancer firewall", onlyNew),
  jump("FORWARD", "KUBE-FORWARD", "kubernetes forwarding rules"),
  jump("FORWARD", "KUBE-SERVICES", "kubernetes service portals", onlyNew),
  jump("FORWARD", "KUBE-EXTERNAL-SERVICES", "kubernetes externally-visible service portals", onlyNew),
  jump("OUTPUT", "KUBE-PROXY-FIREWALL", "kubernetes load balancer firewall", onlyNew),
  jump("OUTPUT", "KUBE-SERVICES", "kubernetes service portals", onlyNew),
];
