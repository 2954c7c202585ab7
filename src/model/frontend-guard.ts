import type { Protocol } from "../api/index.ts";
import { type Cidr, cidrContains, type PortRange, parseIp, portRangeContains, withPort } from "../net/index.ts";
import type { Frontend } from "./frontends.ts";
import type { ProxiedService } from "./proxied-service.ts";

/** What external frontends may not take away from the cluster. */
export interface FrontendGuard {
  /** `address:port` of the API servers, as the slices of `default/kubernetes` name them. */
  readonly apiServers: ReadonlySet<string>;
  /** Addresses of the node itself. */
  readonly nodeAddresses: ReadonlySet<string>;
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

/**
 * Leaves out the external frontends that would cut the cluster off: whoever may write a Service could otherwise take
 * over the API server or the node's own ports.
 */
export function guardFrontends(
  service: ProxiedService,
  guard: FrontendGuard,
): { readonly service: ProxiedService; readonly refused: readonly RefusedFrontend[] } {
  const refused = new Map<string, RefusedFrontend>();
  const broken = service.refused ?? [];
  const ports = service.ports.map((port) => {
    const frontends = port.frontends.filter((frontend) => {
      const why = objection(frontend, guard);
      if (why !== undefined)
        refused.set(`${frontend.kind} ${frontend.address} ${frontend.port}`, {
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
    ? { service, refused: broken }
    : { service: { ...service, ports }, refused: [...broken, ...refused.values()] };
}

function objection({ kind, address, port }: Frontend, guard: FrontendGuard): string | undefined {
  if (address === undefined || kind === "ClusterIP") return undefined;
  if (kind === "ExternalIP" && !isAllowed(address, guard.externalIps))
    return "the address is not within --allow-external-ips";
  if (guard.apiServers.has(withPort(address, port))) return "this is the API server's own address and port";
  if (guard.nodeAddresses.has(address) && guard.reservedPorts.some((range) => portRangeContains(range, port)))
    return "the node needs this port on its own address";
  return undefined;
}

function isAllowed(address: string, prefixes: readonly Cidr[]): boolean {
  const ip = parseIp(address);
  return ip !== undefined && prefixes.some((prefix) => cidrContains(prefix, ip));
}
