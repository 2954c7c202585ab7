// Values for the tests of this folder.
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { type Cidr, type Ip, parseCidr, parseIp } from "../../../src/net/index.ts";
import type { Address } from "../resources.ts";
import type { Settings } from "../settings.ts";

export const id: DesiredLoadBalancer["id"] = {
  clusterId: "cluster-1",
  uid: "11111111-2222",
  namespace: "default",
  name: "web",
};

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}

export const settings: Settings = {
  project: "shop",
  region: "europe-west1",
  networkProject: "shop",
  network: "default",
  subnetwork: "nodes",
  backends: "endpoint-groups",
  nodeTags: ["berth-node"],
  disableFirewalls: false,
  probeRanges: ["35.191.0.0/16", "130.211.0.0/22", "2600:1901:8001::/48"].map(cidr),
  internalRanges: ["10.0.0.0/8", "fd00::/8"].map(cidr),
};

/** Of a user: outside one can ask only for what is reserved. */
export const reservedAddress: Address = {
  kind: "address",
  name: "mine",
  description: "",
  address: "203.0.113.9",
  addressType: "EXTERNAL",
  networkTier: "PREMIUM",
};

export function desiredLb(changes: Partial<DesiredLoadBalancer> = {}): DesiredLoadBalancer {
  return {
    id,
    families: ["IPv4"],
    ports: [tcp(80)],
    externalTrafficPolicy: "Cluster",
    sessionAffinity: { kind: "None" },
    sourceRanges: [],
    healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
    requestedAddresses: [],
    addresses: [],
    annotations: {},
    loadBalancerClass: "berth.dev/gcp-l4",
    createdAt: "2026-01-01T00:00:00Z",
    scheme: undefined,
    retain: false,
    ...changes,
  };
}

export function tcp(port: number): DesiredLoadBalancer["ports"][number] {
  return { name: `tcp-${port}`, protocol: "TCP", port, nodePort: 0 };
}

export function udp(port: number): DesiredLoadBalancer["ports"][number] {
  return { name: `udp-${port}`, protocol: "UDP", port, nodePort: 0 };
}

export function node(name: string, zone: string, address: string): NodeTarget {
  const providerId = `gce://shop/europe-west1-${zone}/${name}`;
  return { name, zone: `europe-west1-${zone}`, providerId, addresses: [ip(address)] };
}
