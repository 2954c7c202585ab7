import type { Family } from "../../net/index.ts";
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
  readonly #shared = new Map<SharedChain, readonly string[]>();
  readonly #touched = new Set<SharedChain>(sharedChains);
  readonly #family: Family;
  readonly #config: PlanConfig;
  readonly #static: ReadonlyMap<string, readonly string[]>;
  #sorted: readonly string[] | undefined;

  constructor(family: Family, config: PlanConfig) {
    this.#family = family;
    this.#config = config;
    this.#static = new Map([
      ["nat KUBE-POSTROUTING", postrouting],
      ["nat KUBE-MARK-MASQ", [`-j MARK --or-mark ${masqueradeMark}`]],
      ["nat KUBE-PROXY-CANARY", []],
      ["filter KUBE-FORWARD", forward(config)],
      ["filter KUBE-PROXY-CANARY", []],
      ["mangle KUBE-PROXY-CANARY", []],
    ]);
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
