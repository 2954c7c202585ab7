import { type PortRange, portRangeContains, withPort } from "../net/index.ts";
import type { Frontend, ProxiedService } from "./proxied-service.ts";

/** What external frontends may not take away from the cluster. */
export interface FrontendGuard {
  /** `address:port` of the API servers, as the slices of `default/kubernetes` name them. */
  readonly apiServers: ReadonlySet<string>;
  /** Addresses of the node itself. */
  readonly nodeAddresses: ReadonlySet<string>;
  /** Ports that the node needs on its own addresses: SSH, BGP, etcd, kubelet, NodePorts. */
  readonly reservedPorts: readonly PortRange[];
}

export interface RefusedFrontend {
  readonly service: string;
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
  const ports = service.ports.map((port) => {
    const frontends = port.frontends.filter((frontend) => {
      const why = objection(frontend, guard);
      if (why !== undefined)
        refused.set(`${frontend.kind} ${frontend.address} ${frontend.port}`, { service: service.key, frontend, why });
      return why === undefined;
    });
    return frontends.length === port.frontends.length ? port : { ...port, frontends };
  });
  return refused.size === 0
    ? { service, refused: [] }
    : { service: { ...service, ports }, refused: [...refused.values()] };
}

function objection({ kind, address, port }: Frontend, guard: FrontendGuard): string | undefined {
  if (address === undefined || kind === "ClusterIP") return undefined;
  if (guard.apiServers.has(withPort(address, port))) return "this is the API server's own address and port";
  if (guard.nodeAddresses.has(address) && guard.reservedPorts.some((range) => portRangeContains(range, port)))
    return "the node needs this port on its own address";
  return undefined;
}
