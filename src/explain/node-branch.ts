import {
  annotations,
  excludeNodeLabel,
  type LabelSelector,
  leavingTaints,
  type Node,
  objectKey,
  type Service,
  selects,
  serviceProxyNameLabel,
  zoneLabel,
} from "../api/index.ts";
import { type ClassPolicy, desiredLoadBalancer, nodeFacts, type ProxiedService } from "../model/index.ts";
import { type AgentReport, agentLeases, agentReport } from "./agent-report.ts";
import type { Ownership } from "./class-branch.ts";
import { explainTraffic } from "./endpoint-branch.ts";
import { allOf, no, type Tree, unknown, yes } from "./tree.ts";
import { isUnread, readOf, type World } from "./world.ts";

/** An agent renews its Lease every 10 s; after so long without it is not believed to live. */
const silentAfterSeconds = 40;

interface Seen {
  readonly tree: Tree;
  /** Something that should work here does not; a node that is left out on purpose has no fault. */
  readonly isFaulty: boolean;
}

/** Each node: whether load balancers may send to it, whether its agent does its work, and to whom it sends. */
export function explainNodes(world: World, service: Service, { policy }: Ownership, proxied: ProxiedService): Tree {
  const { nodes } = world;
  if (isUnread(nodes)) return unknown("nodes", "", nodes.unread);
  if (nodes.length === 0) return no("nodes", "", "the cluster has no nodes; add one");
  const excluded = excludedNodes(nodes, selectorsOf(service, policy));
  const health = unhealthyNodes(world, service);
  const { leases } = world;
  const proxyName = service.metadata.labels?.[serviceProxyNameLabel];
  const own = { ...world, leases: isUnread(leases) ? leases : agentLeases(leases, proxyName) };
  const seen = [...nodes]
    .sort((a, b) => compare(nameOf(a), nameOf(b)))
    .map((node) =>
      explainNode(own, service, proxied, {
        node,
        excludedBy: excluded.get(nameOf(node)),
        unhealthy: health.get(nameOf(node)),
      }),
    );
  return together(seen);
}

/** What must select each node, by what it is called in `whyExcluded`. */
function selectorsOf(service: Service, policy: ClassPolicy | undefined): ReadonlyMap<string, LabelSelector> {
  const ofClass = policy?.nodeSelector;
  const ofService = policy && desiredLoadBalancer(service, "", policy).nodeSelector;
  return new Map([
    ...(ofClass === undefined ? [] : [["nodeSelector", ofClass] as const]),
    ...(ofService === undefined ? [] : [[annotations.nodeSelector, ofService] as const]),
  ]);
}

/** By name, what leaves each out of load balancers: what the node itself says goes before what does not select it. */
function excludedNodes(
  nodes: readonly Node[],
  selectors: ReadonlyMap<string, LabelSelector>,
): ReadonlyMap<string, string> {
  const unselected = ({ metadata }: Node): string | undefined =>
    [...selectors].find(([, selector]) => !selects(selector, metadata.labels))?.[0];
  return new Map(
    nodes.flatMap((node) => {
      const by = nodeFacts(node).excludedBy ?? unselected(node);
      return by === undefined ? [] : [[nameOf(node), by]];
    }),
  );
}

function together(seen: readonly Seen[]): Tree {
  const children = seen.map(({ tree }) => tree);
  const serving = children.filter(({ verdict }) => verdict === "yes");
  const unsure = children.filter(({ verdict }) => verdict === "unknown");
  const name = `${serving.length} of ${children.length} serve${unsure.length > 0 ? `, ${unsure.length} unknown` : ""}`;
  const faulty = seen.filter(({ isFaulty }) => isFaulty).map(({ tree }) => tree);
  // Nodes that are left out on purpose matter only when no other is left; and when one may serve, nobody can say that
  // none does.
  const otherwise = serving.length > 0 ? [] : unsure.length > 0 ? unsure : children;
  return allOf("nodes", name, faulty.length > 0 ? faulty : otherwise, { children });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function nameOf({ metadata }: Node): string {
  return metadata.name ?? "";
}

/** What the provider of the load balancer sees, as the controller recorded it. */
function unhealthyNodes({ records }: World, { metadata }: Service): ReadonlyMap<string, string> {
  const record = readOf(records).find((one) => objectKey(one.metadata) === objectKey(metadata));
  return new Map((record?.status?.targets?.unhealthy ?? []).map(({ node, reason }) => [node, reason]));
}

interface Candidate {
  readonly node: Node;
  readonly excludedBy: string | undefined;
  readonly unhealthy: string | undefined;
}

function explainNode(
  world: World,
  service: Service,
  proxied: ProxiedService,
  { node, excludedBy, unhealthy }: Candidate,
): Seen {
  const name = nameOf(node);
  const target = service.spec?.type === "LoadBalancer" ? [explainTarget(excludedBy)] : [];
  const work = [
    ...(unhealthy === undefined || excludedBy !== undefined
      ? []
      : [no("health check", "", whyUnhealthy(unhealthy, service))]),
    ...explainAgent(world, service, proxied, name),
  ];
  const zone = node.metadata.labels?.[zoneLabel];
  const traffic = isUnread(world.slices)
    ? [unknown("endpoints", "", world.slices.unread)]
    : proxied.ports.map((port) => explainTraffic(port, { name, zone }));
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  const children = [...target, ...work, ...traffic];
  const addresses = (node.status?.addresses ?? [])
    .filter(({ type }) => type.endsWith("IP"))
    .map(({ address }) => address);
  const facts = {
    addresses: addresses.join(", ") || undefined,
    zone,
    kubelet:
      ready === undefined
        ? undefined
        : ready.status === "True"
          ? "ready"
          : `not ready (${ready.reason ?? ready.status})`,
    agent:
      readOf(world.leases).length === 0 && !isUnread(world.leases)
        ? "none of Berth's in this cluster; rules are another proxy's"
        : undefined,
  };
  return {
    tree: allOf("node", name, children, { facts, children }),
    isFaulty: !isLeaving(excludedBy) && work.some(({ verdict }) => verdict === "no"),
  };
}

/** Its agent may well have stopped already. */
function isLeaving(excludedBy: string | undefined): boolean {
  return excludedBy === "deletionTimestamp" || leavingTaints.includes(excludedBy ?? "");
}

function explainTarget(by: string | undefined): Tree {
  if (by === undefined) return yes("target of load balancers", "");
  return no("target of load balancers", "", whyExcluded(by));
}

function whyExcluded(by: string): string {
  switch (by) {
    case "deletionTimestamp":
      return "the Node is being deleted; nothing to do if it is to go";
    case excludeNodeLabel:
      return `its label ${by} leaves it out; remove the label if it should take traffic`;
    case "nodeSelector":
      return "spec.nodeSelector of the LoadBalancerClass does not select it; label the node if it should take traffic";
    case annotations.nodeSelector:
      return `${by}, of the Service or of its class, does not select it; change it, or label the node`;
    default:
      return leavingTaints.includes(by)
        ? `its taint ${by} says that it is about to go; nothing to do if it is`
        : `${by} leaves it out; mend the node if it should take traffic`;
  }
}

function whyUnhealthy(reason: string, { spec }: Service): string {
  const port = spec?.externalTrafficPolicy === "Local" ? (spec.healthCheckNodePort ?? 10_256) : 10_256;
  return `the load balancer does not reach it: ${reason}; see what http://NODE:${port}/healthz answers, and firewalls on the way`;
}

/** The agent's own word; nothing in a cluster that has no agent of ours. */
function explainAgent(world: World, service: Service, proxied: ProxiedService, node: string): Tree[] {
  const { leases, now } = world;
  if (isUnread(leases)) return [unknown("agent", "", leases.unread)];
  if (leases.length === 0) return [];
  const proxyName = service.metadata.labels?.[serviceProxyNameLabel];
  const report = agentReport(leases, { node, proxyName, service: proxied.key }, now);
  if (report === undefined)
    return [
      unknown(
        "agent",
        "",
        "no agent of Berth reports for this node, though one does for others; start one, unless another proxy serves it",
      ),
    ];
  return [explainLife(report, proxied), ...explainRefusals(report)];
}

function explainLife({ silentSeconds, programmed, omitted }: AgentReport, { ports }: ProxiedService): Tree {
  const facts = {
    reported: silentSeconds === undefined ? undefined : `${silentSeconds} s ago`,
    omitted: omitted === 0 ? undefined : `${omitted} more refusals had no room in its report`,
  };
  if (silentSeconds === undefined)
    return unknown("agent", "", "its Lease names no time of renewal; see the agent's log", { facts });
  if (silentSeconds > silentAfterSeconds)
    return no(
      "agent",
      "",
      `it has been silent for ${silentSeconds} s by the clock here; see its pod on the node, and this clock`,
      { facts },
    );
  if (programmed === undefined)
    return unknown("agent", "", "its report cannot be read; use berth of the agent's version", { facts });
  const missing = [...new Set(ports.map(({ family }) => family))].filter((family) => !programmed.includes(family));
  return missing.length > 0
    ? no("agent", "", `its ${missing.join(" and ")} rules are not in the kernel; see the agent's log`, { facts })
    : yes("agent", "", { facts });
}

function explainRefusals({ refused, isolated }: AgentReport): Tree[] {
  return [
    ...isolated.map(({ family, why }) =>
      no("rules", family, `the kernel refuses the rules of the Service: ${why}; see the agent's log`),
    ),
    ...refused.map(({ frontend, why }) => no("frontend", frontend, `the agent refuses it: ${why}; ${remedyFor(why)}`)),
  ];
}

function remedyFor(why: string): string {
  if (why.includes("--allow-external-ips")) return "widen that flag of the agents, or use another address";
  if (/Service \S+/.test(why)) return "change the port or the address of one of the two";
  return "use another port or another address";
}
