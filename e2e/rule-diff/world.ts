import fc from "fast-check";
import type { NodeSettings } from "../../src/agent/node-facts.ts";
import type { Endpoint, EndpointSlice, Protocol, Service } from "../../src/api/index.ts";
import type { Family } from "../../src/net/index.ts";

type Settings = Pick<NodeSettings, "localhostNodePorts" | "masqueradeAll" | "masqueradeBit" | "dropInvalid">;

/** A cluster that an API server could hold, and a node in it. */
export interface World extends Settings {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** How pods are told from others. */
  readonly detect: "" | "cidr" | "bridge" | "prefix";
  readonly zone: string | undefined;
  /** As kube-proxy's flag takes them. */
  readonly nodePortAddresses: readonly string[];
}

const portList: readonly (readonly [name: string, protocol: Protocol])[] = [
  ["a", "TCP"],
  ["dns", "UDP"],
  ["b", "TCP"],
  ["s", "SCTP"],
];

interface EndpointSketch {
  readonly host: number;
  readonly rest: Omit<Endpoint, "addresses">;
}

interface SliceSketch {
  readonly v6: boolean;
  readonly ports: typeof portList;
  readonly port: number;
  readonly endpoints: readonly EndpointSketch[];
}

const names = (...list: string[]) => fc.subarray(list).map((chosen) => chosen.map((name) => ({ name })));

const endpoint: fc.Arbitrary<EndpointSketch> = fc.record({
  host: fc.integer({ min: 1, max: 20 }),
  rest: fc.record(
    {
      nodeName: fc.constantFrom("node-a", "node-b"),
      conditions: fc.record(
        { ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() },
        { requiredKeys: [] },
      ),
      hints: fc.record({ forZones: names("zone-a", "zone-b"), forNodes: names("node-a", "node-b") }),
    },
    { requiredKeys: ["conditions"] },
  ),
});

const slice: fc.Arbitrary<SliceSketch> = fc.record({
  v6: fc.boolean(),
  ports: fc.subarray([...portList], { minLength: 1 }),
  port: fc.constantFrom(8080, 9090),
  endpoints: fc.uniqueArray(endpoint, { maxLength: 5, selector: ({ host }) => host }),
});

const policy = fc.constantFrom("Cluster", "Local");

const service = fc.record({
  type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
  families: fc.constantFrom<readonly Family[]>(["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]),
  policies: fc.record({ externalTrafficPolicy: policy, internalTrafficPolicy: policy }, { requiredKeys: [] }),
  affinity: fc.constantFrom(undefined, 1, 60, 10_800),
  externalIPs: fc.subarray(["192.168.99.1N", "192.168.099.02N", "fd00:99::1N"]),
  ingress: fc.subarray([
    { ip: "1.2.3.N" },
    { ip: "5.6.7.N", ipMode: "VIP" },
    { ip: "9.9.9.N", ipMode: "Proxy" },
    { ip: "fd00:1::N" },
    { hostname: "lb.example.org" },
  ]),
  loadBalancerSourceRanges: fc.subarray(
    ["203.0.113.0/25", " 192.168.0.0/16", "198.51.100.7/024", "0.0.0.0/0", "fd00:cc::/64", "::/0"],
    { maxLength: 3 },
  ),
  nodePorts: fc.boolean(),
  healthCheck: fc.boolean(),
  ports: fc.subarray([...portList], { minLength: 1 }),
  slices: fc.array(slice, { maxLength: 3 }),
});

type ServiceSketch = typeof service extends fc.Arbitrary<infer T> ? T : never;

function serviceOf(sketch: ServiceSketch, i: number): Service {
  const { type, families, affinity, ports } = sketch;
  const clusterIPs = families.map((family) => (family === "IPv4" ? `172.30.0.${i + 10}` : `fd00:30::${i + 10}`));
  // No two Services have the same address: kube-proxy writes rules for both, and chance says which works.
  const own = (address: string): string => address.replace("N", `${i}`);
  const exposed = type === "NodePort" || (type === "LoadBalancer" && sketch.nodePorts);
  return {
    metadata: { namespace: "ns", name: `svc${i}`, uid: `svc${i}` },
    spec: {
      type,
      clusterIP: clusterIPs[0] ?? "",
      clusterIPs,
      ipFamilies: [...families],
      externalIPs: sketch.externalIPs.map(own),
      loadBalancerSourceRanges: sketch.loadBalancerSourceRanges,
      ...sketch.policies,
      ...(affinity !== undefined && {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: affinity } },
      }),
      ...(sketch.healthCheck && { healthCheckNodePort: 32_000 + i }),
      ports: ports.map(([name, protocol], k) => ({
        name,
        protocol,
        port: 80 + k,
        ...(exposed && { nodePort: 30_000 + 10 * i + k }),
      })),
    },
    status: {
      loadBalancer: { ingress: sketch.ingress.map((one) => ({ ...one, ...(one.ip && { ip: own(one.ip) }) })) },
    },
  };
}

/** Each slice has addresses of its own: which of two copies counts is chance in kube-proxy. */
function slicesOf({ slices }: ServiceSketch, i: number): EndpointSlice[] {
  return slices.map(({ v6, ports, port, endpoints }, k) => ({
    metadata: { namespace: "ns", name: `svc${i}-${k}`, labels: { "kubernetes.io/service-name": `svc${i}` } },
    addressType: v6 ? "IPv6" : "IPv4",
    ports: ports.map(([name, protocol]) => ({ name, protocol, port })),
    endpoints: endpoints.map(({ host, rest }) => ({
      addresses: [v6 ? `fd00:10:${k}::${host}` : `10.180.${k}.${host}`],
      ...rest,
    })),
  }));
}

/** So many endpoints in each family, around the number that makes a cluster large. */
function crowd(size: number): { readonly service: Service; readonly slices: EndpointSlice[] } {
  const clusterIPs = ["172.30.9.9", "fd00:30::9:9"];
  const ports = [{ name: "a", protocol: "TCP", port: 80 }];
  return {
    service: {
      metadata: { namespace: "ns", name: "crowd", uid: "crowd" },
      spec: { type: "ClusterIP", clusterIP: "172.30.9.9", clusterIPs, ipFamilies: ["IPv4", "IPv6"], ports },
    },
    slices: ["IPv4", "IPv6"].map((addressType) => ({
      metadata: { namespace: "ns", name: `crowd-${addressType}`, labels: { "kubernetes.io/service-name": "crowd" } },
      addressType,
      ports,
      endpoints: Array.from({ length: size }, (_, i) => ({
        addresses: [addressType === "IPv4" ? `10.181.${i >> 8}.${i & 255}` : `fd00:11::${i.toString(16)}`],
      })),
    })),
  };
}

export const worlds: fc.Arbitrary<World> = fc
  .record({
    sketches: fc.array(service, { minLength: 1, maxLength: 4 }),
    crowd: fc.oneof(
      { weight: 30, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.integer({ min: 990, max: 1005 }) },
    ),
    detect: fc.constantFrom("" as const, "cidr", "bridge", "prefix"),
    zone: fc.constantFrom(undefined, "zone-a", "zone-b", "zone-c"),
    nodePortAddresses: fc.constantFrom(
      [],
      ["primary"],
      ["192.168.0.0/24"],
      ["0.0.0.0/0", "fd00:2::/64"],
      ["127.0.0.0/8", "192.168.0.0/24"],
      ["::/0"],
      ["64.0.0.0/2"],
    ),
    localhostNodePorts: fc.boolean(),
    masqueradeAll: fc.boolean(),
    masqueradeBit: fc.constantFrom(0, 14, 31),
    dropInvalid: fc.boolean(),
  })
  .map(({ sketches, crowd: size, ...node }) => {
    const many = size === undefined ? undefined : crowd(size);
    return {
      ...node,
      services: [...sketches.map(serviceOf), ...(many === undefined ? [] : [many.service])],
      slices: [...sketches.flatMap(slicesOf), ...(many?.slices ?? [])],
    };
  });
