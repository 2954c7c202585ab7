import { type Frontend, isFiltered, type ProxiedPort } from "../../model/index.ts";
import { cidrContains, parseCidr, parseIp } from "../../net/index.ts";
import { balance, endpointTarget, toEndpoint } from "./endpoint-chains.ts";
import { type PortChains, portChains, type SharedChain } from "./names.ts";
import { nodePortPlaces, nodePortRows } from "./node-ports.ts";
import type { PlanConfig } from "./plan-config.ts";
import { destination, rule } from "./rule-text.ts";

/** The rules of one Service in one family: chains of its own (table nat) and its rows in shared chains. */
export interface ServicePlan {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly rows: ReadonlyMap<SharedChain, readonly string[]>;
}

export function planService(ports: readonly ProxiedPort[], config: PlanConfig): ServicePlan {
  const plan = new PlanWriter();
  for (const port of ports)
    planPort(plan, outlookOf(config.sessionAffinity ? port : { ...port, affinitySeconds: undefined }, config), config);
  return plan;
}

/** Collects lines; the order of calls is the order of rules. */
class PlanWriter implements ServicePlan {
  readonly chains = new Map<string, string[]>();
  readonly rows = new Map<SharedChain, string[]>();

  row(chain: SharedChain, comment: string, ...rest: readonly string[]): void {
    this.rowsOf(chain, [rule(comment, ...rest)]);
  }

  rowsOf(chain: SharedChain, lines: readonly string[]): void {
    append(this.rows, chain, lines);
  }

  line(chain: string, comment: string, ...rest: readonly string[]): void {
    this.lines(chain, [rule(comment, ...rest)]);
  }

  lines(chain: string, lines: readonly string[]): void {
    append(this.chains, chain, lines);
  }
}

function append<K>(map: Map<K, string[]>, key: K, lines: readonly string[]): void {
  if (lines.length === 0) return;
  // Not by `push`, which leaves room for 16 more: chains are many, and most are never added to.
  map.set(key, (map.get(key) ?? []).concat(lines));
}

/** What a port's traffic policies make of its endpoints. */
interface Outlook {
  readonly port: ProxiedPort;
  readonly chains: PortChains;
  /** Whether clients inside the cluster, and those outside, reach an endpoint. */
  readonly internal: boolean;
  readonly external: boolean;
  /** Whether there is any way in beside the ClusterIP. */
  readonly exposed: boolean;
  /** Whether source ranges filter what comes to load-balancer addresses, or to NodePorts. */
  readonly filtered: boolean;
  /** What becomes of packets that reach no endpoint, with the comment that says why. */
  readonly refusal: readonly [comment: string, verdict: string];
}

function outlookOf(port: ProxiedPort, { chains: names }: PlanConfig): Outlook {
  const { choice, frontends, name } = port;
  const usable = (policy: "Cluster" | "Local"): boolean => (policy === "Local" ? choice.local.length > 0 : choice.any);
  return {
    port,
    chains: portChains(port, names),
    internal: usable(port.internalPolicy),
    external: usable(port.externalPolicy),
    exposed: frontends.some(({ kind }) => kind !== "ClusterIP"),
    filtered: choice.any && port.sourceRanges !== undefined && frontends.some((frontend) => isFiltered(port, frontend)),
    // A node that has none must not tell the client that nobody has: others may (policy Local).
    refusal: choice.any ? [`${name} has no local endpoints`, "-j DROP"] : [`${name} has no endpoints`, "-j REJECT"],
  };
}

function planPort(plan: PlanWriter, outlook: Outlook, config: PlanConfig): void {
  const { port, chains, exposed, filtered } = outlook;
  const { choice, name } = port;
  for (const frontend of port.frontends) planFrontend(plan, outlook, frontend, config);
  if (port.healthCheckNodePort !== 0)
    plan.row(
      config.chains.dispatch.filterNodePorts,
      `${name} health check node port`,
      `-m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`,
    );
  if (exposed && choice.any) planExternal(plan, outlook, config);
  if (filtered) planFirewall(plan, outlook, config);
  const cluster = port.internalPolicy === "Cluster" || exposed ? choice.cluster : [];
  const local = port.internalPolicy === "Local" || (port.externalPolicy === "Local" && exposed) ? choice.local : [];
  const targets = new Map(
    [...cluster, ...local].map((endpoint) => [endpoint, endpointTarget(port, endpoint, config.chains)]),
  );
  const targetsOf = (endpoints: typeof cluster) => endpoints.flatMap((endpoint) => targets.get(endpoint) ?? []);
  plan.lines(chains.cluster, balance(port, targetsOf(cluster), config));
  plan.lines(chains.local, balance(port, targetsOf(local), config));
  for (const target of targets.values()) plan.lines(target.chain, toEndpoint(port, target, config));
}

function planFrontend(plan: PlanWriter, outlook: Outlook, frontend: Frontend, config: PlanConfig): void {
  const { port, chains, filtered, refusal } = outlook;
  const { choice, name } = port;
  const { dispatch, markMasq } = config.chains;
  const [comment, verdict] = refusal;
  const to = destination(port, frontend);
  const target = filtered && isFiltered(port, frontend) ? chains.firewall : chains.external;
  const drop = (...match: readonly string[]): void => {
    const why = `${name} traffic not accepted by ${chains.firewall}`;
    if (target === chains.firewall) plan.row(dispatch.filterProxyFirewall, why, ...match, to, "-j DROP");
  };
  switch (frontend.kind) {
    case "ClusterIP": {
      if (!outlook.internal) {
        plan.row(dispatch.filterServices, comment, to, verdict);
        return;
      }
      const policy = port.internalPolicy === "Local" ? chains.local : chains.cluster;
      plan.row(dispatch.natServices, `${name} cluster IP`, to, `-j ${policy}`);
      if (config.masqueradeAll) plan.line(policy, `${name} cluster IP`, to, `-j ${markMasq}`);
      // Others than pods come by a route to this node, and the endpoint may be on another: the answer has to come back.
      else if (config.localTraffic !== undefined)
        plan.line(policy, `${name} cluster IP`, to, `${config.localTraffic.ifNotLocal} -j ${markMasq}`);
      return;
    }
    case "ExternalIP":
      if (choice.any) plan.row(dispatch.natServices, `${name} external IP`, to, `-j ${chains.external}`);
      if (!outlook.external) plan.row(dispatch.filterExternalServices, comment, to, verdict);
      return;
    case "LoadBalancerIP":
      if (choice.any) plan.row(dispatch.natServices, `${name} loadbalancer IP`, to, `-j ${target}`);
      drop();
      if (!outlook.external) plan.row(dispatch.filterExternalServices, comment, to, verdict);
      return;
    case "NodePort":
      if (choice.any) plan.rowsOf(dispatch.natNodePorts, nodePortRows(port, frontend, target, config));
      for (const place of nodePortPlaces(port.family, config)) drop(place, untranslated);
      if (!outlook.external)
        plan.row(dispatch.filterExternalServices, comment, "-m addrtype --dst-type LOCAL", to, verdict);
      return;
  }
}

/** What every external destination of the port has in common, then on to the chain of its traffic policy. */
function planExternal(plan: PlanWriter, outlook: Outlook, { localTraffic, chains }: PlanConfig): void {
  const masquerade = `-j ${chains.markMasq}`;
  const { name, externalPolicy } = outlook.port;
  const { external, cluster, local } = outlook.chains;
  if (externalPolicy === "Cluster") {
    // The endpoint may be on another node, and its answer has to come back through this one.
    plan.line(external, `masquerade traffic for ${name} external destinations`, masquerade);
  } else {
    // Pods and the node itself are inside: they are served as if they had gone out to the load balancer and back.
    if (localTraffic !== undefined)
      plan.line(external, `pod traffic for ${name} external destinations`, `${localTraffic.ifLocal} -j ${cluster}`);
    const own = "-m addrtype --src-type LOCAL";
    plan.line(external, `masquerade LOCAL traffic for ${name} external destinations`, own, masquerade);
    plan.line(external, `route LOCAL traffic for ${name} external destinations`, own, `-j ${cluster}`);
  }
  if (outlook.external) plan.line(external, "", `-j ${externalPolicy === "Local" ? local : cluster}`);
}

/**
 * What was accepted may have got an endpoint of this node whose port is that of the NodePort: the pod of a host network,
 * which others reach through the ClusterIP as well.
 */
const untranslated = "-m conntrack ! --ctstate DNAT";

/** Whoever falls through keeps the address that it came to and meets the DROP in the chain of the proxy's firewall. */
function planFirewall(plan: PlanWriter, { port, chains }: Outlook, { nodeIp, chains: names }: PlanConfig): void {
  const comment = `${port.name} loadbalancer IP`;
  const ranges = port.sourceRanges ?? [];
  for (const range of ranges) plan.line(chains.firewall, comment, `-s ${range} -j ${chains.external}`);
  // A cloud may give the address to the node as well; then the node's own traffic carries it as its source.
  if (ranges.some((range) => contains(range, nodeIp)))
    for (const { kind, address } of port.frontends)
      if (kind === "LoadBalancerIP") plan.line(chains.firewall, comment, `-s ${address} -j ${chains.external}`);
  plan.line(chains.firewall, `other traffic to ${port.name} will be dropped by ${names.proxyFirewall}`);
}

function contains(range: string, address: string | undefined): boolean {
  const cidr = parseCidr(range);
  const ip = parseIp(address ?? "");
  return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
}
