import {
  type EndpointSlice,
  objectKey,
  type Protocol,
  type Service,
  type ServicePort,
  type ServiceSpec,
  serviceProxyNameLabel,
} from "../api/index.ts";
import type { Family } from "../net/index.ts";
import {
  chooseEndpoints,
  type EndpointChoice,
  endpointsOf,
  type NodePlace,
  type ServiceEndpoint,
} from "./endpoints.ts";
import type { RefusedFrontend } from "./frontend-guard.ts";
import { brokenFrontends, clusterIps, type Frontend, type FrontendObjection, frontendsOf } from "./frontends.ts";
import { holdOnNodePorts, sourceRanges } from "./source-ranges.ts";
import { isPortNumber, isWritableName, quoted } from "./writable.ts";

/** One port of a Service in one address family: who may send where, and who answers. */
export interface ProxiedPort {
  readonly service: string;
  /** `namespace/name:port`, or `namespace/name` when the port has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly family: Family;
  readonly frontends: readonly Frontend[];
  readonly internalPolicy: "Cluster" | "Local";
  readonly externalPolicy: "Cluster" | "Local";
  /** How long a client stays with its endpoint; undefined without session affinity. */
  readonly affinitySeconds: number | undefined;
  /** Who may send to load-balancer addresses; undefined: everybody, empty: nobody. */
  readonly sourceRanges: readonly string[] | undefined;
  /** Whether they hold for NodePorts as well; absent: no. */
  readonly rangesOnNodePorts?: true;
  /** Where a load balancer asks whether this node has endpoints; 0 when the Service has no such port. */
  readonly healthCheckNodePort: number;
  /** All that the slices name, usable or not. */
  readonly endpoints: readonly ServiceEndpoint[];
  readonly choice: EndpointChoice;
}

export interface ProxiedService {
  /** `namespace/name`. */
  readonly key: string;
  /** In the order of `spec.ports`, IPv4 before IPv6. */
  readonly ports: readonly ProxiedPort[];
  /** What the object asks for and cannot get, for a fault of its own; absent: nothing. */
  readonly refused?: readonly RefusedFrontend[];
}

/**
 * What a node has to do for a Service; undefined when another proxy, DNS or nobody serves it. `proxyName`: of the proxy
 * that asks; without one it serves Services whose label names none.
 */
export function proxiedService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodePlace,
  proxyName?: string,
): ProxiedService | undefined {
  const { spec } = service;
  if (spec === undefined || isSkipped(service, spec, proxyName)) return undefined;
  const key = objectKey(service.metadata);
  const addresses = clusterIps(spec);
  const refused: RefusedFrontend[] = [];
  const ports = portsOf(spec).flatMap((port) => {
    const protocol = protocolOf(port);
    const refuse = (objections: readonly FrontendObjection[]): void => {
      refused.push(...objections.map((one) => ({ service: key, protocol, ...one })));
    };
    const why = objection(service, port);
    if (why !== undefined) {
      refuse([{ frontend: { kind: "ClusterIP", address: undefined, port: numberOf(port.port) }, why }]);
      return [];
    }
    refuse(brokenFrontends(service, port));
    if (addresses.size === 0)
      refuse([{ frontend: { kind: "ClusterIP", address: undefined, port: port.port }, why: noFamily }]);
    return [...addresses].map(([family, address]) => {
      const proxied = proxiedPort(service, spec, port, family, address, slices, node);
      refuse(unreadRanges(service, spec, proxied));
      return proxied;
    });
  });
  return {
    key,
    ports,
    ...(refused.length > 0 && { refused }),
  };
}

function isSkipped({ metadata }: Service, { type, clusterIP }: ServiceSpec, proxyName: string | undefined): boolean {
  return (
    type === "ExternalName" ||
    (clusterIP ?? "") === "" ||
    clusterIP === "None" ||
    metadata.labels?.[serviceProxyNameLabel] !== proxyName
  );
}

/** A port is known by its name and protocol; of two with the same the last counts, as in kube-proxy's maps. */
function portsOf({ ports }: ServiceSpec): ServicePort[] {
  return [...new Map((ports ?? []).map((port) => [`${port.name ?? ""} ${port.protocol ?? "TCP"}`, port])).values()];
}

/** Unless it is none at all, to which there is an objection. */
function protocolOf({ protocol }: ServicePort): Protocol {
  return (protocol ?? "TCP") as Protocol;
}

const protocols: ReadonlySet<unknown> = new Set<Protocol>(["TCP", "UDP", "SCTP"]);

/** Why no rule may be written for the port. */
function objection({ metadata }: Service, { name, protocol, port }: ServicePort): string | undefined {
  const owner = [metadata.namespace, metadata.name].find((text) => text !== undefined && !isWritableName(text));
  if (owner !== undefined) return `${quoted(owner)} is no name of a Service or namespace`;
  if ((name ?? "") !== "" && !isWritableName(name)) return `${quoted(name)} is no name of a port`;
  if (!protocols.has(protocol ?? "TCP")) return `protocol ${quoted(protocol)} is not TCP, UDP or SCTP`;
  if (!isPortNumber(port)) return `${quoted(port)} is no port number`;
  return undefined;
}

const noFamily = "no ClusterIP is an address of a family in spec.ipFamilies";

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function unreadRanges(service: Service, spec: ServiceSpec, port: ProxiedPort): FrontendObjection[] {
  const { ranges, why } = sourceRanges(spec, port.family);
  const { why: doubt } = holdOnNodePorts(service);
  return port.frontends.flatMap((frontend) => [
    ...(why !== undefined && isFiltered(port, frontend) ? [{ frontend, why }] : []),
    ...(doubt !== undefined && ranges !== undefined && frontend.kind === "NodePort" ? [{ frontend, why: doubt }] : []),
  ]);
}

/** Whether the port's source ranges, if it has any, hold for the frontend. */
export function isFiltered({ rangesOnNodePorts }: ProxiedPort, { kind }: Frontend): boolean {
  return kind === "LoadBalancerIP" || (kind === "NodePort" && rangesOnNodePorts === true);
}

function proxiedPort(
  service: Service,
  spec: ServiceSpec,
  port: ServicePort,
  family: Family,
  clusterIp: string,
  slices: readonly EndpointSlice[],
  node: NodePlace,
): ProxiedPort {
  const key = objectKey(service.metadata);
  const protocol = protocolOf(port);
  const endpoints = endpointsOf(slices, family, port.name ?? "", protocol);
  return {
    service: key,
    name: port.name ? `${key}:${port.name}` : key,
    protocol,
    family,
    frontends: frontendsOf(service, port, family, clusterIp),
    internalPolicy: spec.internalTrafficPolicy === "Local" ? "Local" : "Cluster",
    externalPolicy: externalPolicy(spec),
    affinitySeconds: affinitySeconds(spec),
    sourceRanges: sourceRanges(spec, family).ranges,
    ...(holdOnNodePorts(service).wanted && { rangesOnNodePorts: true }),
    healthCheckNodePort: healthCheckNodePort(spec),
    endpoints,
    choice: chooseEndpoints(endpoints, node),
  };
}

/** The policy is one of Services that can be reached from outside; what else it says on others does not count. */
function externalPolicy({ type, externalIPs, externalTrafficPolicy }: ServiceSpec): "Cluster" | "Local" {
  const outside = type === "LoadBalancer" || type === "NodePort" || (externalIPs ?? []).length > 0;
  return outside && externalTrafficPolicy === "Local" ? "Local" : "Cluster";
}

/** Three hours, the default of the API, and a day, the most that it allows. */
const defaultAffinitySeconds = 10_800;
const maxAffinitySeconds = 86_400;

function affinitySeconds({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): number | undefined {
  if (sessionAffinity !== "ClientIP") return undefined;
  const seconds: unknown = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const valid = Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= maxAffinitySeconds;
  return valid ? Number(seconds) : defaultAffinitySeconds;
}

function healthCheckNodePort(spec: ServiceSpec): number {
  const wanted = spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
  return wanted && isPortNumber(spec.healthCheckNodePort) ? spec.healthCheckNodePort : 0;
}
