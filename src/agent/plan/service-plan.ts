import { endpointName, type Frontend, type ProxiedPort, type ServiceEndpoint } from "../../model/index.ts";
import { cidrContains, parseCidr, parseIp } from "../../net/index.ts";
import { endpointChain, type PortChains, portChains } from "./names.ts";

/** How packets of this node's own pods are told from others (KEP-2450), as iptables matches. */
export interface LocalTraffic {
  /** Holds for packets of pods: `-s 10.0.0.0/8`, `-i cni+`. */
  readonly ifLocal: string;
  /** Holds for all others: `! -s 10.0.0.0/8`. */
  readonly ifNotLocal: string;
}

/** What the plan needs to know of the node, in one address family. */
export interface PlanConfig {
  /** Undefined: no way to tell pods from others. */
  readonly localTraffic: LocalTraffic | undefined;
  /** The node's own main address. */
  readonly nodeIp: string | undefined;
  /** Addresses on which NodePorts answer; undefined: all of the node but, unless `localhostNodePorts`, loopback. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /** NodePorts answer on 127.0.0.0/8 too, for which the kernel has to route it (`route_localnet`). IPv4 only. */
  readonly localhostNodePorts: boolean;
  /** Masquerade all traffic to ClusterIPs, whoever sends it. */
  readonly masqueradeAll: boolean;
  /** The bit of the packet mark, 0-31; kubelet and CNI plug-ins know 14. */
  readonly masqueradeBit: number;
  /** Whether `MASQUERADE` takes `--random-fully` (iptables 1.6.2). */
  readonly randomFully: boolean;
  /** Drop packets that connection tracking finds invalid (kubernetes/kubernetes#74839). */
  readonly dropInvalid: boolean;
  /** Whether the accounting objects of kube-proxy's two counting rules exist (xt_nfacct). */
  readonly accounting: boolean;
  /** Whether the kernel can remember clients (xt_recent). */
  readonly sessionAffinity: boolean;
  /** Leave out the comments of rules that there are many of: kube-proxy does above 1,000 endpoints. */
  readonly largeCluster: boolean;
}

/** A chain that all Services share, with its table. */
export const sharedChains = [
  "nat KUBE-SERVICES",
  "nat KUBE-NODEPORTS",
  "filter KUBE-SERVICES",
  "filter KUBE-EXTERNAL-SERVICES",
  "filter KUBE-NODEPORTS",
  "filter KUBE-PROXY-FIREWALL",
] as const;
export type SharedChain = (typeof sharedChains)[number];

/** The rules of one Service in one family: chains of its own (table nat) and its rows in shared chains. */
export interface ServicePlan {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly rows: ReadonlyMap<SharedChain, readonly string[]>;
}

export function planService(ports: readonly ProxiedPort[], config: PlanConfig): ServicePlan {
  const plan = new PlanWriter();
  for (const port of ports)
    planPort(plan, config.sessionAffinity ? port : { ...port, affinitySeconds: undefined }, config);
  return plan;
}

/** Collects lines; the order of calls is the order of rules. */
class PlanWriter implements ServicePlan {
  readonly chains = new Map<string, string[]>();
  readonly rows = new Map<SharedChain, string[]>();

  row(chain: SharedChain, comment: string, ...rest: readonly string[]): void {
    append(this.rows, chain, rule(comment, ...rest));
  }

  line(chain: string, comment: string, ...rest: readonly string[]): void {
    append(this.chains, chain, rule(comment, ...rest));
  }
}

function append<K>(map: Map<K, string[]>, key: K, line: string): void {
  const lines = map.get(key);
  if (lines === undefined) map.set(key, [line]);
  else lines.push(line);
}

/** A rule whose comment is quoted; the callers' texts hold neither quotes nor backslashes. */
function rule(comment: string, ...rest: readonly string[]): string {
  return [...(comment === "" ? [] : [`-m comment --comment "${comment}"`]), ...rest].join(" ");
}

function planPort(plan: PlanWriter, port: ProxiedPort, config: PlanConfig): void {
  const chains = portChains(port);
  const { choice, name } = port;
  const external = port.frontends.some(({ kind }) => kind !== "ClusterIP");
  const internalUsable = port.internalPolicy === "Local" ? choice.local.length > 0 : choice.any;
  const externalUsable = port.externalPolicy === "Local" ? choice.local.length > 0 : choice.any;
  const firewall =
    choice.any && port.sourceRanges.length > 0 && port.frontends.some(({ kind }) => kind === "LoadBalancerIP");
  const refusal = choice.any ? `${name} has no local endpoints` : `${name} has no endpoints`;
  const verdict = choice.any ? "-j DROP" : "-j REJECT";

  for (const frontend of port.frontends) {
    const to = destination(port, frontend);
    switch (frontend.kind) {
      case "ClusterIP": {
        const policy = port.internalPolicy === "Local" ? chains.local : chains.cluster;
        if (internalUsable) {
          plan.row("nat KUBE-SERVICES", `${name} cluster IP`, to, `-j ${policy}`);
          if (config.localTraffic !== undefined)
            plan.line(policy, `${name} cluster IP`, to, `${config.localTraffic.ifNotLocal} -j KUBE-MARK-MASQ`);
        } else {
          plan.row("filter KUBE-SERVICES", refusal, to, verdict);
        }
        break;
      }
      case "ExternalIP":
        if (choice.any) plan.row("nat KUBE-SERVICES", `${name} external IP`, to, `-j ${chains.external}`);
        if (!externalUsable) plan.row("filter KUBE-EXTERNAL-SERVICES", refusal, to, verdict);
        break;
      case "LoadBalancerIP": {
        const target = firewall ? chains.firewall : chains.external;
        if (choice.any) plan.row("nat KUBE-SERVICES", `${name} loadbalancer IP`, to, `-j ${target}`);
        if (firewall)
          plan.row("filter KUBE-PROXY-FIREWALL", `${name} traffic not accepted by ${chains.firewall}`, to, "-j DROP");
        if (!externalUsable) plan.row("filter KUBE-EXTERNAL-SERVICES", refusal, to, verdict);
        break;
      }
      case "NodePort":
        if (choice.any) plan.row("nat KUBE-NODEPORTS", name, to, `-j ${chains.external}`);
        if (!externalUsable)
          plan.row("filter KUBE-EXTERNAL-SERVICES", refusal, "-m addrtype --dst-type LOCAL", to, verdict);
        break;
    }
  }
  if (port.healthCheckNodePort !== 0)
    plan.row(
      "filter KUBE-NODEPORTS",
      `${name} health check node port`,
      `-m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`,
    );

  if (external && choice.any) planExternal(plan, port, chains, config, externalUsable);
  if (firewall) planFirewall(plan, port, chains, config);
  const usesCluster = port.internalPolicy === "Cluster" || external;
  const usesLocal = port.internalPolicy === "Local" || (port.externalPolicy === "Local" && external);
  const cluster = usesCluster ? choice.cluster : [];
  const local = usesLocal ? choice.local : [];
  balance(plan, port, chains.cluster, cluster);
  balance(plan, port, chains.local, local);
  for (const endpoint of new Set([...cluster, ...local])) planEndpoint(plan, port, endpoint);
}

function destination({ protocol }: ProxiedPort, { address, port }: Frontend): string {
  const layer4 = protocol.toLowerCase();
  return `-m ${layer4} -p ${layer4}${address === undefined ? "" : ` -d ${address}`} --dport ${port}`;
}

/** What every external destination of the port has in common, then on to the chain of its traffic policy. */
function planExternal(
  plan: PlanWriter,
  { name, externalPolicy }: ProxiedPort,
  chains: PortChains,
  { localTraffic }: PlanConfig,
  usable: boolean,
): void {
  const { external } = chains;
  if (externalPolicy === "Cluster") {
    // The endpoint may be on another node, and its answer has to come back through this one.
    plan.line(external, `masquerade traffic for ${name} external destinations`, "-j KUBE-MARK-MASQ");
  } else {
    // Pods and the node itself are inside: they are served as if they had gone out to the load balancer and back.
    if (localTraffic !== undefined)
      plan.line(
        external,
        `pod traffic for ${name} external destinations`,
        `${localTraffic.ifLocal} -j ${chains.cluster}`,
      );
    const own = "-m addrtype --src-type LOCAL";
    plan.line(external, `masquerade LOCAL traffic for ${name} external destinations`, own, "-j KUBE-MARK-MASQ");
    plan.line(external, `route LOCAL traffic for ${name} external destinations`, own, `-j ${chains.cluster}`);
  }
  if (usable) plan.line(external, "", `-j ${externalPolicy === "Local" ? chains.local : chains.cluster}`);
}

/** Whoever falls through keeps the load balancer's address and meets the DROP in KUBE-PROXY-FIREWALL. */
function planFirewall(plan: PlanWriter, port: ProxiedPort, chains: PortChains, { nodeIp }: PlanConfig): void {
  const comment = `${port.name} loadbalancer IP`;
  for (const range of port.sourceRanges) plan.line(chains.firewall, comment, `-s ${range} -j ${chains.external}`);
  // A cloud may give the address to the node as well; then the node's own traffic carries it as its source.
  if (port.sourceRanges.some((range) => contains(range, nodeIp)))
    for (const { kind, address } of port.frontends)
      if (kind === "LoadBalancerIP") plan.line(chains.firewall, comment, `-s ${address} -j ${chains.external}`);
  plan.line(chains.firewall, `other traffic to ${port.name} will be dropped by KUBE-PROXY-FIREWALL`);
}

function contains(range: string, address: string | undefined): boolean {
  const cidr = parseCidr(range);
  const ip = parseIp(address ?? "");
  return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
}

/** Known clients to their endpoint, the others evenly: the i-th of n rules takes 1/(n-i) of what reaches it. */
function balance(plan: PlanWriter, port: ProxiedPort, chain: string, endpoints: readonly ServiceEndpoint[]): void {
  const targets = endpoints.map((endpoint) => {
    const name = endpointName(endpoint);
    return { comment: `${port.name} -> ${name}`, chain: endpointChain(port, name) };
  });
  if (port.affinitySeconds !== undefined)
    for (const target of targets) {
      const known = `-m recent --name ${target.chain} --rcheck --seconds ${port.affinitySeconds} --reap`;
      plan.line(chain, target.comment, known, `-j ${target.chain}`);
    }
  for (const [i, target] of targets.entries()) {
    const left = targets.length - i;
    const share = left === 1 ? [] : [`-m statistic --mode random --probability ${(1 / left).toFixed(10)}`];
    plan.line(chain, target.comment, ...share, `-j ${target.chain}`);
  }
}

function planEndpoint(plan: PlanWriter, port: ProxiedPort, endpoint: ServiceEndpoint): void {
  const name = endpointName(endpoint);
  const chain = endpointChain(port, name);
  const layer4 = port.protocol.toLowerCase();
  // Hairpin: a pod that reaches itself has to see another source than itself.
  plan.line(chain, port.name, `-s ${endpoint.address} -j KUBE-MARK-MASQ`);
  const remember = port.affinitySeconds === undefined ? [] : [`-m recent --name ${chain} --set`];
  plan.line(chain, port.name, ...remember, `-m ${layer4} -p ${layer4} -j DNAT --to-destination ${name}`);
}
