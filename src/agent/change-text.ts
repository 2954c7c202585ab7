import {
  endpointName,
  type Frontend,
  type ProxiedPort,
  type ProxiedService,
  type ServiceEndpoint,
} from "../model/index.ts";
import { withPort } from "../net/index.ts";

/** A line that needs more than this is cut; the rules themselves show the rest. */
const maxParts = 8;

/** Why the rules of a Service changed, for people: `endpoint 10.244.1.3:8080 removed (not ready)`. */
export function describeChange(before: ProxiedService | undefined, after: ProxiedService | undefined): string {
  if (before === undefined)
    return after === undefined
      ? "not served by this node"
      : `Service added with ${count(usable(after).size, "endpoint")}`;
  if (after === undefined) return "Service deleted or no longer served by this node";
  const parts = [...frontendChanges(before, after), ...endpointChanges(before, after), ...policyChanges(before, after)];
  if (parts.length === 0) return "endpoints chosen differently";
  const more = parts.length - maxParts;
  return [...parts.slice(0, maxParts), ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** How many endpoints the node's rules send to. */
export function endpointCount(service: ProxiedService | undefined): number {
  return service === undefined ? 0 : usable(service).size;
}

/** Endpoints that the node's rules send to, by `address:port`. */
function usable(service: ProxiedService): Map<string, ServiceEndpoint> {
  return byName(service.ports.flatMap(({ choice }) => [...choice.cluster, ...choice.local]));
}

function byName(endpoints: readonly ServiceEndpoint[]): Map<string, ServiceEndpoint> {
  return new Map(endpoints.map((endpoint) => [endpointName(endpoint), endpoint]));
}

function endpointChanges(before: ProxiedService, after: ProxiedService): string[] {
  const [was, is] = [usable(before), usable(after)];
  const [knownBefore, known] = [before, after].map((s) => byName(s.ports.flatMap(({ endpoints }) => endpoints)));
  return [
    ...[...is.keys()]
      .filter((name) => !was.has(name))
      .map((name) => `endpoint ${name} added${knownBefore?.has(name) ? " (ready)" : ""}`),
    ...[...was.keys()]
      .filter((name) => !is.has(name))
      .map((name) => `endpoint ${name} removed (${absence(known?.get(name))})`),
  ];
}

function absence(endpoint: ServiceEndpoint | undefined): string {
  if (endpoint === undefined) return "gone";
  if (endpoint.terminating) return "terminating";
  return endpoint.ready ? "hinted to other nodes" : "not ready";
}

const kindNames = {
  ClusterIP: "cluster IP",
  ExternalIP: "external IP",
  LoadBalancerIP: "load-balancer IP",
  NodePort: "node port",
} as const;

function frontendChanges(before: ProxiedService, after: ProxiedService): string[] {
  const [was, is] = [before, after].map((service) => new Set(service.ports.flatMap(frontendNames)));
  return [
    ...[...(is ?? [])].filter((name) => !was?.has(name)).map((name) => `${name} added`),
    ...[...(was ?? [])].filter((name) => !is?.has(name)).map((name) => `${name} removed`),
  ];
}

function frontendNames({ frontends, protocol }: ProxiedPort): string[] {
  return frontends.map((frontend: Frontend) => {
    const { kind, address, port } = frontend;
    return `${kindNames[kind]} ${address === undefined ? port : withPort(address, port)}/${protocol}`;
  });
}

function policyChanges(before: ProxiedService, after: ProxiedService): string[] {
  const facts: readonly (readonly [string, (port: ProxiedPort) => string])[] = [
    ["externalTrafficPolicy", (port) => port.externalPolicy],
    ["internalTrafficPolicy", (port) => port.internalPolicy],
    ["session affinity", (port) => (port.affinitySeconds === undefined ? "none" : `${port.affinitySeconds} s`)],
    ["source ranges", (port) => (port.sourceRanges === undefined ? "all" : port.sourceRanges.join(" ") || "none")],
    ["source ranges on NodePorts", (port) => (port.rangesOnNodePorts === true ? "yes" : "no")],
    ["health check node port", (port) => `${port.healthCheckNodePort || "none"}`],
  ];
  return facts.flatMap(([name, read]) => {
    const [was, is] = [before, after].map(({ ports }) => ports[0] && read(ports[0]));
    return was === is || was === undefined || is === undefined ? [] : [`${name} ${was} -> ${is}`];
  });
}
