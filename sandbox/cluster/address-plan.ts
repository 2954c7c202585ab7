import type { Family } from "../../src/net/index.ts";

/** A network namespace on the underlay and its addresses there, one per family, in the order of the families. */
export interface HostPlan {
  readonly netns: string;
  readonly addresses: readonly string[];
}

export interface NodePlan extends HostPlan {
  readonly name: string;
  readonly zone: string;
  readonly podCidrs: readonly string[];
}

/** Every name and address of one sandbox; a function of its id, its size and its families. */
export interface ClusterPlan {
  readonly id: string;
  readonly families: readonly Family[];
  /** Holds the bridge and is the control plane's host. */
  readonly fabric: HostPlan;
  /** Outside of the cluster: on the underlay, without a route to pods or Services. */
  readonly client: HostPlan;
  readonly nodes: readonly NodePlan[];
  /** The networks on the bridge. */
  readonly underlay: readonly string[];
  readonly clusterCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** For load balancers; inside the underlay, so that its neighbours reach them without a route. */
  readonly addressPools: readonly string[];
}

/** The bridge in the fabric namespace. */
export const bridge = "br0";
/** The interface of nodes, pods and the client. */
export const uplink = "eth0";

export const maxNodes = 50;
export const nodePortRange = "30000-32767";
const zones = ["zone-a", "zone-b", "zone-c"];

export function namespacePrefix(id: string): string {
  return `berth-${id}-`;
}

export function planCluster(id: string, nodeCount: number, families: readonly Family[]): ClusterPlan {
  const each = (v4: string, v6: string): string[] => families.map((family) => (family === "IPv4" ? v4 : v6));
  const host = (name: string, number: number): HostPlan => ({
    netns: namespacePrefix(id) + name,
    addresses: each(`172.30.0.${number}`, `fd00:30::${number}`),
  });
  return {
    id,
    families,
    fabric: host("fabric", 1),
    client: host("client", 200),
    nodes: Array.from({ length: nodeCount }, (_, i) => ({
      ...host(`node${i + 1}`, i + 11),
      name: `node${i + 1}`,
      zone: zones[i % zones.length] ?? "",
      podCidrs: each(`10.244.${i + 1}.0/24`, `fd00:244:0:${i + 1}::/64`),
    })),
    underlay: each("172.30.0.0/16", "fd00:30::/64"),
    clusterCidrs: each("10.244.0.0/16", "fd00:244::/48"),
    serviceCidrs: each("10.96.0.0/16", "fd00:96::/112"),
    addressPools: each("172.30.200.0/24", "fd00:30::c8:0/112"),
  };
}

/** How long the prefixes are that an address of the underlay carries. */
export function underlayBits(address: string): number {
  return address.includes(":") ? 64 : 16;
}

/** How many pods a node has addresses for: the first and the last of its IPv4 prefix are none. */
export const podsPerNode = 254;

/** The addresses of a node's pod with this number, 1 to `podsPerNode`. */
export function podAddresses(node: NodePlan, number: number): string[] {
  return node.podCidrs.map((cidr) => {
    const [base = ""] = cidr.split("/");
    return base.includes(":") ? `${base}${number.toString(16)}` : base.replace(/\.0$/, `.${number}`);
  });
}

/** The namespace of a pod. Namespaces of Kubernetes have no dot in their names, so no two pods share one. */
export function podNetns(id: string, pod: { readonly namespace: string; readonly name: string }): string {
  return `${namespacePrefix(id)}pod-${pod.namespace}.${pod.name}`;
}
