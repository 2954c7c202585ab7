import {
  chooseEndpoints,
  endpointName,
  type NodePlace,
  type ProxiedPort,
  type ServiceEndpoint,
} from "../model/index.ts";
import { portTitle } from "./port-branch.ts";
import { no, type Tree, yes } from "./tree.ts";

/** A node of a large cluster does not name each of thousands of endpoints. */
const maxEndpoints = 100;

/** To whom a node sends what comes for a port, from outside and from pods. */
interface Ways {
  /** Undefined when nobody can come from outside. */
  readonly outside: ReadonlySet<ServiceEndpoint> | undefined;
  readonly inside: ReadonlySet<ServiceEndpoint>;
}

/** To which endpoints a node sends what comes for a port, and why not to the others. */
export function explainTraffic(port: ProxiedPort, node: NodePlace): Tree {
  const title = portTitle(port);
  const choice = chooseEndpoints(port.endpoints, node);
  const byPolicy = (policy: "Cluster" | "Local"): ReadonlySet<ServiceEndpoint> =>
    new Set(policy === "Local" ? choice.local : choice.cluster);
  const isOutside = port.frontends.some(({ kind }) => kind !== "ClusterIP");
  const ways: Ways = {
    outside: isOutside ? byPolicy(port.externalPolicy) : undefined,
    inside: byPolicy(port.internalPolicy),
  };
  const trees = port.endpoints.map((endpoint) => explainEndpoint(endpoint, port, node, ways));
  const left = trees.length - maxEndpoints;
  const children = left > 0 ? trees.toSorted(noFirst).slice(0, maxEndpoints) : trees;
  const facts = {
    "from outside": ways.outside === undefined ? undefined : `${ways.outside.size} of ${trees.length}`,
    "from pods": `${ways.inside.size} of ${trees.length}`,
    "not shown": left > 0 ? `${left} endpoints` : undefined,
  };
  const why = choice.any ? whyNowhere(port, ways) : "no endpoint can take traffic; see the port";
  return why === undefined ? yes("port", title, { facts, children }) : no("port", title, why, { facts, children });
}

function noFirst(a: Tree, b: Tree): number {
  return Number(a.verdict === "yes") - Number(b.verdict === "yes");
}

function whyNowhere({ externalPolicy, internalPolicy }: ProxiedPort, { outside, inside }: Ways): string | undefined {
  if (outside?.size === 0 && externalPolicy === "Local")
    return "externalTrafficPolicy is Local and no usable endpoint is on this node, so load balancers leave it out; run a pod here, or let other nodes do it";
  if (inside.size === 0 && internalPolicy === "Local")
    return "internalTrafficPolicy is Local and no usable endpoint is on this node, so its pods reach nobody; run a pod on each node, or use Cluster";
  return undefined;
}

function explainEndpoint(
  endpoint: ServiceEndpoint,
  port: ProxiedPort,
  node: NodePlace,
  { outside, inside }: Ways,
): Tree {
  const name = endpointName(endpoint);
  const [isOutside, isInside] = [outside?.has(endpoint) === true, inside.has(endpoint)];
  const only = outside === undefined || isOutside === isInside ? undefined : isOutside ? "outside only" : "pods only";
  const facts = { node: endpoint.node, for: only, state: endpoint.terminating ? "terminating" : undefined };
  return isOutside || isInside
    ? yes("endpoint", name, { facts })
    : no("endpoint", name, whyUnused(endpoint, port, node), { facts });
}

function whyUnused(endpoint: ServiceEndpoint, port: ProxiedPort, { zone }: NodePlace): string {
  const { ready, serving, terminating, hints, node } = endpoint;
  if (terminating && !ready)
    return serving
      ? "it is terminating and others are ready, or on other nodes; nothing to do"
      : "it is terminating and serves no more; nothing to do";
  if (!ready) return "it is not ready; see the pod's readiness probe and its readiness gates";
  if (port.externalPolicy === "Local" || port.internalPolicy === "Local")
    return `it is on ${node === undefined ? "no known node" : `node ${node}`}, and the traffic policy is Local; nothing to do`;
  if (hints.nodes.length > 0)
    return `its hint is for node ${hints.nodes.join(", ")}; nothing to do, or change spec.trafficDistribution`;
  return `its hint is for zone ${hints.zones.join(", ") || "(none)"}, and the node is in ${zone ?? "none"}; nothing to do, or change spec.trafficDistribution`;
}
