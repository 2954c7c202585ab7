import fc from "fast-check";
import type { Endpoint, EndpointSlice, Node, Service, ServicePort } from "../../../api/index.ts";
import type { LocalTrafficDetector } from "../../node-facts.ts";
import type { SentPacket, World, WorldSettings } from "./world.ts";

// Few values, so that what ought not to meet does meet.
const services = ["a", "b", "c"] as const;
const nodeName = "node-a";
const nodeAddresses = ["192.168.0.2", "192.168.1.2", "10.180.255.1", "fd00:168::2", "fd00:168:1::2"];
const podCidrs = { IPv4: "10.180.0.0/16", IPv6: "fd00:10::/64" } as const;
const clusterCidrs = { IPv4: "10.0.0.0/8", IPv6: "fd00:10::/32" } as const;
const publicAddress = "198.51.100.2";
const virtual = ["1.2.3.4", "5.6.7.8", publicAddress, "fd00:cb::7", "fd00:cb::8"];
const external = ["192.168.99.1", "1.2.3.4", "192.168.1.2", "fd00:99::1"];
const portNames = ["x", "y", ""];
const protocols = ["TCP", "UDP", "SCTP"] as const;
const pods = {
  IPv4: ["10.180.0.1", "10.180.0.2", "10.181.0.3", "010.181.000.4"],
  IPv6: ["fd00:10::1", "fd00:10::2", "fd00:10:0:1::3"],
} as const;
const clients = ["203.0.113.2", "203.0.113.130", "2001:db8::2", "2001:db8::82"];

const often = [false, false, false, false, false, false, false] as const;

const detector: fc.Arbitrary<LocalTrafficDetector> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constant({
      mode: "ClusterCIDR" as const,
      cidrs: new Map(Object.entries(clusterCidrs) as ["IPv4" | "IPv6", string][]),
    }),
  },
  fc.constantFrom<LocalTrafficDetector>(
    { mode: "ClusterCIDR", cidrs: new Map() },
    { mode: "NodeCIDR" },
    { mode: "BridgeInterface", name: "cni0" },
    { mode: "InterfaceNamePrefix", prefix: "cni" },
  ),
);

const settings: fc.Arbitrary<WorldSettings> = fc
  .record({
    proxyName: fc.constantFrom(...often, "other"),
    localTraffic: detector,
    masqueradeAll: fc.boolean(),
    localhostNodePorts: fc.boolean(),
    nodePortAddresses: fc.constantFrom<WorldSettings["nodePortAddresses"]>(
      [],
      [],
      ["192.168.0.0/24"],
      ["192.168.0.0/24", "fd00:168::/64"],
      ["127.0.0.0/8", "192.168.0.0/16"],
      ["0.0.0.0/0"],
      "primary",
    ),
    externalIps: fc.constantFrom<readonly string[]>(
      ["0.0.0.0/0", "::/0"],
      ["0.0.0.0/0", "::/0"],
      [],
      ["192.168.99.1/32"],
    ),
  })
  .map(({ proxyName, ...others }) => ({ ...others, ...(proxyName && { serviceProxyName: proxyName }) }));

const node: fc.Arbitrary<Node> = fc.constantFrom("zone-a", "zone-a", "", undefined).map((zone) => ({
  metadata: { name: nodeName, ...(zone !== undefined && { labels: { "topology.kubernetes.io/zone": zone } }) },
  spec: { podCIDRs: Object.values(podCidrs) },
  status: {
    addresses: [
      { type: "Hostname", address: nodeName },
      { type: "InternalIP", address: "192.168.0.2" },
      { type: "InternalIP", address: "fd00:168::2" },
      { type: "ExternalIP", address: publicAddress },
    ],
  },
}));

/** Ports with names and pairs of number and protocol of their own, as the API server asks for. */
function ports(index: number): fc.Arbitrary<ServicePort[]> {
  return fc
    .uniqueArray(
      fc.record({
        name: fc.constantFrom(...portNames),
        number: fc.constantFrom(80, 81),
        protocol: fc.constantFrom(...protocols),
        node: fc.boolean(),
      }),
      {
        minLength: 1,
        maxLength: 3,
        comparator: (a, b) => a.name === b.name || (a.number === b.number && a.protocol === b.protocol),
      },
    )
    .map((list) =>
      list.map(({ name, number, protocol, node: hasNodePort }) => ({
        ...(name !== "" && { name }),
        port: number,
        protocol,
        ...(hasNodePort && { nodePort: 30000 + 100 * index + number }),
      })),
    );
}

const ranges = fc.constantFrom<string[][]>(
  [],
  [],
  ["203.0.113.0/25", " 2001:db8::/122"],
  ["203.0.113.0/25", "192.168.0.0/16", "fd00::/16"],
  ["10.180.0.0/16 ", "fd00:10::/64"],
  ["203.0.113.0/25", "0.0.0.0/0", "::/0"],
  ["203.0.113.0/25"],
  ["0.0.0.0/0", "2001:db8::/122"],
  ["bogus/33"],
  ["bogus/33", "203.0.113.0/25", "2001:db8::/122"],
);

function service(name: string, index: number): fc.Arbitrary<Service> {
  const both = [`172.30.0.${index + 41}`, `fd00:30::${index + 41}`];
  return fc
    .record({
      type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer", "LoadBalancer", "ExternalName"),
      families: fc.constantFrom<string[]>(["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]),
      headless: fc.constantFrom(...often, true),
      foreign: fc.constantFrom(...often, true),
      internal: fc.constantFrom("Cluster", "Cluster", "Local"),
      externalPolicy: fc.constantFrom("Cluster", "Local"),
      affinity: fc.constantFrom("None", "None", "ClientIP"),
      externalIPs: fc.subarray(external),
      ingress: fc
        .subarray(virtual)
        .chain((ips) =>
          fc.tuple(...ips.map((ip) => fc.constantFrom("VIP", undefined, "Proxy").map((ipMode) => ({ ip, ipMode })))),
        ),
      ranges,
      onNodePorts: fc.constantFrom(undefined, undefined, "true", "true", "false", "ture"),
      ports: ports(index),
      age: fc.nat(2),
    })
    .map((s) => {
      const ips = s.families.map((family) => both[family === "IPv6" ? 1 : 0] ?? "");
      const hasPorts = s.type !== "ClusterIP" && s.type !== "ExternalName";
      return {
        metadata: {
          name,
          namespace: "ns",
          uid: `uid-${name}`,
          creationTimestamp: `2026-01-0${s.age + 1}T00:00:00Z`,
          ...(s.onNodePorts !== undefined && {
            annotations: { "berth.dev/source-ranges-on-node-ports": s.onNodePorts },
          }),
          ...(s.foreign && { labels: { "service.kubernetes.io/service-proxy-name": "other" } }),
        },
        spec: {
          type: s.type,
          clusterIP: s.headless ? "None" : (ips[0] ?? ""),
          clusterIPs: s.headless ? ["None"] : ips,
          ipFamilies: s.families,
          internalTrafficPolicy: s.internal,
          ...(hasPorts && { externalTrafficPolicy: s.externalPolicy }),
          sessionAffinity: s.affinity,
          externalIPs: s.externalIPs,
          ...(s.type === "LoadBalancer" && { loadBalancerSourceRanges: s.ranges }),
          ports: s.ports.map(({ nodePort, ...port }) =>
            hasPorts && nodePort !== undefined ? { ...port, nodePort } : port,
          ),
        },
        ...(s.type === "LoadBalancer" && {
          status: { loadBalancer: { ingress: s.ingress.map(({ ip, ipMode }) => ({ ip, ...(ipMode && { ipMode }) })) } },
        }),
      };
    });
}

const condition = fc.constantFrom(undefined, true, true, false);

function endpoint(family: "IPv4" | "IPv6"): fc.Arbitrary<Endpoint> {
  return fc
    .record({
      ip: fc.constantFrom(...pods[family]),
      node: fc.constantFrom(nodeName, "node-b", undefined),
      state: fc.oneof(
        { weight: 3, arbitrary: fc.record({ ready: condition }) },
        { weight: 2, arbitrary: fc.constant({ ready: false, serving: true, terminating: true }) },
        fc.constant({ ready: false, serving: false, terminating: true }),
        fc.constant({ ready: false, serving: false, terminating: false }),
      ),
      zones: fc.constantFrom(undefined, ["zone-a"], ["zone-a"], ["zone-b"], ["zone-a", "zone-b"]),
      nodes: fc.constantFrom(undefined, undefined, [nodeName], ["node-b"]),
    })
    .map(({ ip, node: name, state, zones, nodes }) => ({
      addresses: [ip],
      ...(name !== undefined && { nodeName: name }),
      conditions: Object.fromEntries(Object.entries(state).filter(([, value]) => value !== undefined)),
      hints: {
        ...(zones && { forZones: zones.map((zone) => ({ name: zone })) }),
        ...(nodes && { forNodes: nodes.map((each) => ({ name: each })) }),
      },
    }));
}

function slice(number: number, family: "IPv4" | "IPv6", owner: fc.Arbitrary<string>): fc.Arbitrary<EndpointSlice> {
  return fc
    .record({
      service: owner,
      headless: fc.constantFrom(false, false, false, false, false, false, false, true),
      ports: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom(...portNames),
          port: fc.constantFrom(8080, 8080, 8080, 8081, 0),
          protocol: fc.constantFrom(...protocols),
        }),
        { minLength: 5, maxLength: 9, selector: ({ name, protocol }) => `${name} ${protocol}` },
      ),
      endpoints: fc.uniqueArray(endpoint(family), { maxLength: 4, selector: ({ addresses }) => addresses[0] }),
    })
    .map(({ service: of, headless, ports: list, endpoints }) => ({
      metadata: {
        name: `slice-${number}`,
        namespace: "ns",
        labels: { "kubernetes.io/service-name": of, ...(headless && { "service.kubernetes.io/headless": "" }) },
      },
      addressType: family,
      // The API server writes the name of a port without one as an empty text.
      ports: list.map(({ name, ...port }, i) => (name === "" && i === 4 ? port : { name, ...port })),
      endpoints,
    }));
}

/** One for each Service and family, and two more of whomever. */
const slices: fc.Arbitrary<EndpointSlice[]> = fc.tuple(
  ...services.flatMap((name, index) => [
    slice(2 * index, "IPv4", fc.constant(name)),
    slice(2 * index + 1, "IPv6", fc.constant(name)),
  ]),
  slice(6, "IPv4", fc.constantFrom(...services)),
  slice(7, "IPv6", fc.constantFrom(...services)),
);

/** A small cluster as one node sees it. */
export const world: fc.Arbitrary<World> = fc.record({
  node,
  addresses: fc.constant(nodeAddresses),
  services: fc.tuple(...services.map(service)),
  slices,
  apiServers: fc.subarray([
    { address: "5.6.7.8", port: 80 },
    { address: "fd00:cb::7", port: 81 },
    { address: "192.168.0.2", port: 80 },
  ]),
  settings,
});

const senders = [
  ...nodeAddresses.map((source) => ({ source, interface: undefined })),
  { source: "127.0.0.1", interface: undefined },
  { source: "::1", interface: undefined },
  ...[...pods.IPv4.slice(0, 3), ...pods.IPv6].flatMap((source) => [
    { source, interface: "cni0" },
    { source, interface: "cni1" },
  ]),
  ...clients.map((source) => ({ source, interface: "eth0" })),
];
/** Where packets go that are not meant for a Service. */
const elsewhere = [...virtual, ...external, ...nodeAddresses, "172.30.0.99", "198.51.100.9", "2001:db8::9"];

/** A packet that is not bound to a cluster yet. */
interface Shot {
  readonly aimed: boolean;
  readonly pick: number;
  readonly protocol: SentPacket["protocol"];
  readonly port: number;
  readonly sender: number;
}

export const shot: fc.Arbitrary<Shot> = fc.record({
  aimed: fc.constantFrom(true, true, true, true, false),
  pick: fc.nat(10_000),
  protocol: fc.constantFrom(...protocols),
  port: fc.constantFrom(80, 81, 30080, 30181),
  sender: fc.nat(10_000),
});

/** The first packet of a connection that may come by on this node; most are sent to what a Service claims. */
export function packetOf(
  { services: all, addresses }: World,
  { aimed, pick, protocol, port, sender }: Shot,
): SentPacket {
  const targets = all.flatMap(({ spec, status }) =>
    (spec?.ports ?? []).flatMap((each) => {
      const to = { protocol: (each.protocol ?? "TCP") as SentPacket["protocol"], port: each.port };
      const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip = "" }) => ip);
      const has = ({ destination }: { destination: string }): boolean =>
        /[.:]/.test(destination) && spec?.ipFamilies?.includes(destination.includes(":") ? "IPv6" : "IPv4") === true;
      return [
        ...[...(spec?.clusterIPs ?? []), ...(spec?.externalIPs ?? []), ...ingress].map((destination) => ({
          ...to,
          destination,
        })),
        ...(each.nodePort === undefined
          ? []
          : [...addresses, "127.0.0.1", "::1"].map((destination) => ({
              ...to,
              port: each.nodePort ?? 0,
              destination,
            }))),
      ].filter(has);
    }),
  );
  const target = aimed ? targets[pick % Math.max(1, targets.length)] : undefined;
  const { destination, ...rest } = target ?? { protocol, port, destination: elsewhere[pick % elsewhere.length] ?? "" };
  const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1";
  const possible = senders.filter(
    ({ source }) =>
      source.includes(":") === destination.includes(":") &&
      // Loopback addresses are not seen on any wire, and nobody leaves the machine with one.
      (isLoopback(destination) ? source === destination : !isLoopback(source) || addresses.includes(destination)),
  );
  const from = possible[sender % possible.length] ?? { source: destination, interface: undefined };
  return { ...from, ...rest, destination };
}
