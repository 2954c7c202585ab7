// Values for the tests of this folder.
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { type Cidr, type Ip, parseCidr, parseIp } from "../../../src/net/index.ts";

type Port = DesiredLoadBalancer["ports"][number];

/** A Service's port: `port("TCP", 80, 30080, "http")`. */
export function port(protocol: Port["protocol"], number: number, nodePort: number, name: string = ""): Port {
  return { name, protocol, port: number, nodePort };
}

/** A load balancer of one TCP port. */
export function desiredLb(changes: Partial<DesiredLoadBalancer> = {}): DesiredLoadBalancer {
  return {
    id: { clusterId: "cluster-1", uid: "11111111-2222", namespace: "default", name: "web" },
    families: ["IPv4"],
    ports: [port("TCP", 80, 30_080, "http")],
    externalTrafficPolicy: "Cluster",
    sessionAffinity: { kind: "None" },
    sourceRanges: [],
    healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
    requestedAddresses: [],
    addresses: [],
    annotations: {},
    loadBalancerClass: "berth.dev/aws-nlb",
    createdAt: "2026-01-01T00:00:00Z",
    scheme: undefined,
    retain: false,
    ...changes,
  };
}

export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

/** A node on an instance: `node(1)` is `n1` on `i-00000001`. */
export function node(number: number): NodeTarget {
  return {
    name: `n${number}`,
    addresses: [],
    providerId: `aws:///eu-west-1a/${instanceId(number)}`,
    zone: `eu-west-1${zoneOf(instanceId(number))}`,
  };
}

/** Nodes are spread over three zones. */
export function zoneOf(instance: string): "a" | "b" | "c" {
  const number = Number.parseInt(instance.slice("i-".length), 16);
  return (["a", "b", "c"] as const)[number % 3] ?? "a";
}

export function instanceId(number: number): string {
  return `i-${number.toString(16).padStart(8, "0")}`;
}
