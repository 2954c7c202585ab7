import type { EndpointSlice, Node, Service, ServicePort, ServiceSpec } from "../../api/index.ts";

export function node(name: string, zone = "zone-a"): Node {
  return {
    metadata: { name, labels: { "topology.kubernetes.io/zone": zone } },
    status: { addresses: [{ type: "InternalIP", address: "192.168.0.2" }] },
  };
}

export function service(key: string, spec: Partial<ServiceSpec>, ingress: readonly string[] = []): Service {
  const [namespace = "", name = ""] = key.split("/");
  return {
    metadata: { namespace, name, uid: key },
    spec: {
      type: "ClusterIP",
      ipFamilies: (spec.clusterIPs ?? [spec.clusterIP ?? ""]).map((ip) => (ip.includes(":") ? "IPv6" : "IPv4")),
      ...spec,
    },
    ...(ingress.length > 0 && { status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } } }),
  };
}

export function port(name: string, number: number, rest: Partial<ServicePort> = {}): ServicePort {
  return { name, port: number, protocol: "TCP", ...rest };
}

export interface SliceEndpoint {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  /** Zones and nodes that hints name. */
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
}

/** A slice for one port; all endpoints of one family. */
export function slice(
  name: string,
  ports: readonly { readonly name: string; readonly port: number; readonly protocol?: string }[],
  endpoints: readonly SliceEndpoint[],
): EndpointSlice {
  return {
    metadata: { name, namespace: "ns" },
    addressType: endpoints.some(({ ip }) => ip.includes(":")) ? "IPv6" : "IPv4",
    ports: ports.map((p) => ({ protocol: "TCP", ...p })),
    endpoints: endpoints.map(({ ip, node: nodeName, ready, serving, terminating, zones, nodes }) => ({
      addresses: [ip],
      ...(nodeName !== undefined && { nodeName }),
      conditions: {
        ...(ready !== undefined && { ready }),
        ...(serving !== undefined && { serving }),
        ...(terminating !== undefined && { terminating }),
      },
      ...((zones ?? nodes) !== undefined && {
        hints: {
          ...(zones !== undefined && { forZones: zones.map((zone) => ({ name: zone })) }),
          ...(nodes !== undefined && { forNodes: nodes.map((name) => ({ name })) }),
        },
      }),
    })),
  };
}
