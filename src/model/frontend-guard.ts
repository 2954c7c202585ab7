import type { Protocol } from "../api/index.ts";
import { type Cidr, cidrContains, type PortRange, parseIp, portRangeContains, withPort } from "../net/index.ts";
import type { Frontend } from "./frontends.ts";
import type { ProxiedPort, ProxiedService } from "./proxied-service.ts";

/** What external frontends may not take away from the cluster. */
export interface FrontendGuard {
  /** `address:port` of the API servers, as the slices of `default/kubernetes` name them. */
  readonly apiServers: ReadonlySet<string>;
  /** Addresses of the node's interfaces. */
  readonly nodeAddresses: ReadonlySet<string>;
  /** ExternalIPs of the Node -> the InternalIP into which its cloud translates them before packets reach the node. */
  readonly translated: ReadonlyMap<string, string>;
  /** Ports that the node needs on its own addresses: SSH, BGP, etcd, kubelet, NodePorts. */
  readonly reservedPorts: readonly PortRange[];
  /** Which `spec.externalIPs` are served: those within. */
  readonly externalIps: readonly Cidr[];
}

export interface RefusedFrontend {
  readonly service: string;
  readonly protocol: Protocol;
  readonly frontend: Frontend;
  readonly why: string;
}

export interface Screened {
  /** With the frontends that are left. */
  readonly service: ProxiedService;
  readonly refused: readonly RefusedFrontend[];
}

/** Why a port may not have a frontend; undefined when it may. */
export type Objection = (port: ProxiedPort, frontend: Frontend) => string | undefined;

/**
 * Leaves out the external frontends that would cut the cluster off: whoever may write a Service could otherwise take
 * over the API server or the node's own ports. Where one is on an address that reaches the node as another one, it
 * gets a twin on that; what holds against the twin holds against both.
 */
export function guardFrontends(service: ProxiedService, guard: FrontendGuard): Screened {
  const screened = screenFrontends(service, (port, frontend) => {
    const twin = twinOf(frontend, guard);
    return notAllowed(frontend, guard) ?? objection(port, frontend, guard) ?? (twin && objection(port, twin, guard));
  });
  return {
    service: guard.translated.size === 0 ? screened.service : withTwins(screened.service, guard),
    refused: service.refused === undefined ? screened.refused : [...service.refused, ...screened.refused],
  };
}

/** Leaves out the frontends against which there is an objection. */
export function screenFrontends(service: ProxiedService, objection: Objection): Screened {
  const refused = new Map<string, RefusedFrontend>();
  const ports = service.ports.map((port) => {
    const frontends = port.frontends.filter((frontend) => {
      const why = objection(port, frontend);
      if (why !== undefined)
        refused.set(`${frontend.kind} ${frontend.address} ${port.protocol} ${frontend.port}`, {
          service: service.key,
          protocol: port.protocol,
          frontend,
          why,
        });
      return why === undefined;
    });
    return frontends.length === port.frontends.length ? port : { ...port, frontends };
  });
  return refused.size === 0
    ? { service, refused: nothing }
    : { service: { ...service, ports }, refused: [...refused.values()] };
}

/** Shared, as most Services have none. */
const nothing: readonly RefusedFrontend[] = [];

/** Whether packets to the frontend are addressed to the node itself. ClusterIPs and NodePorts are not asked about. */
export function isOnNode({ kind, address }: Frontend, { nodeAddresses, translated }: FrontendGuard): boolean {
  return isExternal(kind) && address !== undefined && (nodeAddresses.has(address) || translated.has(address));
}

function isExternal(kind: Frontend["kind"]): boolean {
  return kind === "ExternalIP" || kind === "LoadBalancerIP";
}

/** What is asked for counts, not what an address reaches the node as. */
function notAllowed({ kind, address }: Frontend, { externalIps }: FrontendGuard): string | undefined {
  if (kind !== "ExternalIP") return undefined;
  const ip = parseIp(address ?? "");
  return ip !== undefined && externalIps.some((prefix) => cidrContains(prefix, ip))
    ? undefined
    : "the address is not within --allow-external-ips";
}

function objection(port: ProxiedPort, frontend: Frontend, guard: FrontendGuard): string | undefined {
  const { kind, address, port: number } = frontend;
  if (!isExternal(kind) || address === undefined) return undefined;
  if (guard.apiServers.has(withPort(address, number))) return "this is the API server's own address and port";
  if (!isOnNode(frontend, guard)) return undefined;
  if (guard.reservedPorts.some((range) => portRangeContains(range, number)))
    return "the node needs this port on its own address";
  if (port.protocol === "TCP" && number === port.healthCheckNodePort)
    return "the node answers health checks of the Service there";
  return undefined;
}

function twinOf(frontend: Frontend, { translated }: FrontendGuard): Frontend | undefined {
  const address = isExternal(frontend.kind) ? translated.get(frontend.address ?? "") : undefined;
  return address === undefined ? undefined : { ...frontend, address };
}

function withTwins(service: ProxiedService, guard: FrontendGuard): ProxiedService {
  let found = false;
  const ports = service.ports.map((port) => {
    const known = new Set(port.frontends.map(({ kind, address }) => `${kind} ${address}`));
    const frontends = port.frontends.flatMap((frontend) => {
      const twin = twinOf(frontend, guard);
      if (twin === undefined || known.has(`${twin.kind} ${twin.address}`)) return [frontend];
      known.add(`${twin.kind} ${twin.address}`);
      found = true;
      return [frontend, twin];
    });
    return frontends.length === port.frontends.length ? port : { ...port, frontends };
  });
  return found ? { ...service, ports } : service;
}

/** A socket of a local process that waits for whoever comes; without an address on all of them. */
export interface WaitingSocket {
  readonly protocol: string;
  readonly address: string | undefined;
  readonly port: number;
}

/** Against frontends on the node's own addresses whose port a local process waits on: it would hear nothing more. */
export function socketObjection(sockets: readonly WaitingSocket[], guard: FrontendGuard): Objection {
  const taken = new Set(sockets.map(({ protocol, address, port }) => `${protocol} ${address ?? "*"} ${port}`));
  return ({ protocol }, frontend) => {
    if (!isOnNode(frontend, guard)) return undefined;
    const { address, port } = frontend;
    const isTaken = ["*", address, guard.translated.get(address ?? "")].some(
      (where) => where !== undefined && taken.has(`${protocol} ${where} ${port}`),
    );
    return isTaken ? "a process of the node listens on this port" : undefined;
  };
}
