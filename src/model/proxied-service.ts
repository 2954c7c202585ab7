import {
  type EndpointSlice,
  objectKey,
  type Protocol,
  type Service,
  type ServicePort,
  type ServiceSpec,
  serviceProxyNameLabel,
} from "../api/index.ts";
import { type Family, formatCidr, formatIp, parseCidr, parseSloppyIp } from "../net/index.ts";
import {
  chooseEndpoints,
  type EndpointChoice,
  endpointsOf,
  type NodePlace,
  type ServiceEndpoint,
} from "./endpoints.ts";

export type FrontendKind = "ClusterIP" | "ExternalIP" | "LoadBalancerIP" | "NodePort";

/** Where clients send to. */
export interface Frontend {
  readonly kind: FrontendKind;
  /** In canonical form; undefined for a NodePort, which is on every address of the node. */
  readonly address: string | undefined;
  readonly port: number;
}

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
  /** Who may send to load-balancer addresses; empty: everybody. */
  readonly sourceRanges: readonly string[];
  /** 0 when the Service has none. */
  readonly healthCheckNodePort: number;
  /** All that the slices name, usable or not. */
  readonly endpoints: readonly ServiceEndpoint[];
  readonly choice: EndpointChoice;
}

/** Whether a Service asks for a load balancer that probes this node, and what the probe is to hear. */
export interface ServiceHealthCheck {
  readonly port: number;
  /** Distinct ready endpoint addresses on this node. */
  readonly localEndpoints: number;
}

export interface ProxiedService {
  /** `namespace/name`. */
  readonly key: string;
  /** In the order of `spec.ports`, IPv4 before IPv6. */
  readonly ports: readonly ProxiedPort[];
  readonly healthCheck: ServiceHealthCheck | undefined;
}

/** What a node has to do for a Service; undefined when another proxy, DNS or nobody serves it. */
export function proxiedService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodePlace,
): ProxiedService | undefined {
  const { spec } = service;
  const skip =
    spec === undefined ||
    spec.type === "ExternalName" ||
    spec.clusterIP === undefined ||
    spec.clusterIP === "" ||
    spec.clusterIP === "None" ||
    service.metadata.labels?.[serviceProxyNameLabel] !== undefined;
  if (skip) return undefined;
  const ports = (spec.ports ?? []).flatMap((port) =>
    clusterIps(spec).map(({ family, address }) => proxiedPort(service, spec, port, family, address, slices, node)),
  );
  const healthPort = healthCheckNodePort(spec);
  return {
    key: objectKey(service.metadata),
    ports,
    healthCheck: healthPort === 0 ? undefined : { port: healthPort, localEndpoints: localReady(ports, node) },
  };
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
  const protocol = (port.protocol ?? "TCP") as Protocol;
  const endpoints = endpointsOf(slices, family, port.name ?? "", protocol);
  const frontends: Frontend[] = [
    { kind: "ClusterIP", address: clusterIp, port: port.port },
    ...externalFrontends("ExternalIP", spec.externalIPs ?? [], family, port.port),
    ...externalFrontends("LoadBalancerIP", virtualIps(service), family, port.port),
  ];
  if (port.nodePort) frontends.push({ kind: "NodePort", address: undefined, port: port.nodePort });
  const external = frontends.length > 1;
  return {
    service: key,
    name: port.name ? `${key}:${port.name}` : key,
    protocol,
    family,
    frontends,
    internalPolicy: spec.internalTrafficPolicy === "Local" ? "Local" : "Cluster",
    externalPolicy: external && spec.externalTrafficPolicy === "Local" ? "Local" : "Cluster",
    affinitySeconds:
      spec.sessionAffinity === "ClientIP"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
        : undefined,
    sourceRanges: sourceRanges(spec, family),
    healthCheckNodePort: healthCheckNodePort(spec),
    endpoints,
    choice: chooseEndpoints(endpoints, node),
  };
}

/** Three hours, the default of the API. */
const defaultAffinitySeconds = 10_800;

function clusterIps(spec: ServiceSpec): { family: Family; address: string }[] {
  const wanted: ReadonlySet<string> = new Set(spec.ipFamilies ?? []);
  return [...new Set([...(spec.clusterIPs ?? []), spec.clusterIP ?? ""])]
    .flatMap((text) => {
      const ip = parseSloppyIp(text);
      if (ip === undefined || (wanted.size > 0 && !wanted.has(ip.family))) return [];
      return [{ family: ip.family, address: formatIp(ip) }];
    })
    .sort((a, b) => (a.family < b.family ? -1 : 1));
}

/** Ingress addresses that nodes answer themselves; `ipMode: Proxy` means that the load balancer is elsewhere (KEP-1860). */
function virtualIps(service: Service): readonly string[] {
  return (service.status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode }) => (ipMode ?? "VIP") === "VIP")
    .map(({ ip }) => ip ?? "");
}

function externalFrontends(kind: FrontendKind, addresses: readonly string[], family: Family, port: number): Frontend[] {
  const own = addresses.flatMap((text) => {
    const ip = parseSloppyIp(text);
    return ip?.family === family ? [formatIp(ip)] : [];
  });
  return [...new Set(own)].map((address) => ({ kind, address, port }));
}

function sourceRanges(spec: ServiceSpec, family: Family): string[] {
  const ranges = (spec.loadBalancerSourceRanges ?? [])
    .map((text) => parseCidr(text.trim()))
    .filter((range) => range?.base.family === family);
  return ranges.some((range) => range?.prefix === 0)
    ? []
    : [...new Set(ranges.map((range) => (range === undefined ? "" : formatCidr(range))))].sort();
}

function healthCheckNodePort(spec: ServiceSpec): number {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local" ? (spec.healthCheckNodePort ?? 0) : 0;
}

/** A pod of a dual-stack Service is in both families; the larger one counts it once. */
function localReady(ports: readonly ProxiedPort[], node: NodePlace): number {
  const count = (family: Family): number =>
    new Set(
      ports
        .filter((port) => port.family === family)
        .flatMap((port) => port.endpoints.filter((e) => e.ready && e.node === node.name).map((e) => e.address)),
    ).size;
  return Math.max(count("IPv4"), count("IPv6"));
}
