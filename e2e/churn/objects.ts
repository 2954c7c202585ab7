import type { Dice } from "./dice.ts";

/** What the churn works on: so many Services, each with addresses and ports of its own, and their slices. */
export const slots = 14;

export const namespaces: readonly [string, string] = ["churn-a", "churn-b"];

export type Family = "IPv4" | "IPv6";

/** Where the Service of a slot lives and what it may take; all in the static bands, which no allocator chooses from. */
export interface Slot {
  readonly namespace: string;
  readonly name: string;
  readonly primary: Family;
  readonly addresses: Readonly<Record<Family, string>>;
  readonly nodePort: (index: number) => number;
  readonly healthCheckNodePort: number;
}

export function slotAt(index: number): Slot {
  return {
    namespace: namespaces[index % 2] ?? namespaces[0],
    name: `svc-${index}`,
    primary: index % 3 === 2 ? "IPv6" : "IPv4",
    addresses: { IPv4: `10.96.0.${10 + index}`, IPv6: `fd00:96::${(16 + index).toString(16)}` },
    nodePort: (port) => 30_000 + index * 6 + port,
    healthCheckNodePort: 30_000 + index * 6 + 5,
  };
}

const portPool = [
  { name: "http", port: 80, targetPort: 8080 },
  { name: "https", port: 443, targetPort: "tls" },
  { name: "dns", port: 53, protocol: "UDP" },
  { name: "dns-tcp", port: 5300, targetPort: 5353 },
  { name: "sctp", port: 9000, protocol: "SCTP" },
];

const types = [
  "ClusterIP",
  "ClusterIP",
  "ClusterIP",
  "NodePort",
  "NodePort",
  "LoadBalancer",
  "LoadBalancer",
  "LoadBalancer",
  "None",
  "ExternalName",
] as const;

/** A Service of the slot. Now and then it wants what its neighbour has, or cannot have; all servers refuse it alike. */
export function service(dice: Dice, index: number): object {
  const slot = slotAt(index);
  const type = dice.pick(types);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: slot.name, namespace: slot.namespace, labels: { app: "churn", round: `${dice.below(9)}` } },
    spec:
      type === "ExternalName"
        ? { type, externalName: `host-${dice.below(3)}.example.com` }
        : {
            ...(type === "None" ? { clusterIP: "None" } : { type, ...addresses(dice, slot) }),
            ...ports(dice, type, dice.percent(4) ? slotAt((index + 1) % slots) : slot),
            ...affinity(dice),
            ...(dice.percent(25) && { internalTrafficPolicy: "Local" }),
            ...(dice.percent(25) && { trafficDistribution: dice.pick(["PreferSameZone", "PreferSameNode"]) }),
            ...(dice.percent(15) && { publishNotReadyAddresses: true }),
            ...(dice.percent(20) && { externalIPs: [`198.51.100.${index}`] }),
            ...(type === "NodePort" && dice.percent(40) && { externalTrafficPolicy: "Local" }),
            ...(type === "LoadBalancer" && loadBalancer(dice, slot)),
          },
  };
}

function addresses(dice: Dice, { primary, addresses: own }: Slot): object {
  const secondary = primary === "IPv4" ? "IPv6" : "IPv4";
  if (dice.percent(50))
    return {
      ipFamilyPolicy: "SingleStack",
      ipFamilies: [primary],
      clusterIP: own[primary],
      clusterIPs: [own[primary]],
    };
  return {
    ipFamilyPolicy: dice.pick(["PreferDualStack", "RequireDualStack"]),
    ipFamilies: [primary, secondary],
    clusterIP: own[primary],
    clusterIPs: [own[primary], own[secondary]],
  };
}

function ports(dice: Dice, type: string, { nodePort }: Slot): object {
  const chosen = portPool.map((port, index) => ({
    ...port,
    ...((type === "NodePort" || type === "LoadBalancer") && { nodePort: nodePort(index) }),
  }));
  const some = dice.some(chosen);
  return { ports: some.length === 0 ? chosen.slice(0, 1) : some };
}

function affinity(dice: Dice): object {
  return dice.percent(70)
    ? { sessionAffinity: "None" }
    : {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: dice.pick([1, 90, 10_800]) } },
      };
}

function loadBalancer(dice: Dice, slot: Slot): object {
  return {
    ...(dice.percent(50) && { externalTrafficPolicy: "Local", healthCheckNodePort: slot.healthCheckNodePort }),
    ...(dice.percent(30) && {
      loadBalancerSourceRanges: dice.pick([["192.0.2.0/24", "2001:db8::/32"], ["0.0.0.0/0"]]),
    }),
    ...(dice.percent(30) && { loadBalancerClass: dice.pick(["berth.dev/l2", "berth.dev/node"]) }),
  };
}

/** What a load balancer says it has for the slot. */
export function loadBalancerStatus(dice: Dice, index: number): object {
  const ingress = dice.some([
    { ip: `203.0.113.${index}`, ipMode: dice.pick(["VIP", "VIP", "Proxy"]) },
    { ip: `2001:db8:1::${index}`, ipMode: "VIP" },
  ]);
  return { status: { loadBalancer: ingress.length === 0 ? null : { ingress } } };
}

export function sliceName(index: number, family: Family, number: number): string {
  return `${slotAt(index).name}-${family.toLowerCase()}-${number}`;
}

/** One of the slices of the Service of the slot. */
export function endpointSlice(dice: Dice, index: number): object {
  const { namespace, name } = slotAt(index);
  const family = dice.pick<Family>(["IPv4", "IPv6"]);
  const number = dice.below(2);
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: sliceName(index, family, number),
      namespace,
      labels: { "kubernetes.io/service-name": name },
    },
    addressType: family,
    ports: dice.some(
      portPool.map(({ name: port, protocol = "TCP", targetPort }) => ({
        name: port,
        protocol,
        port: typeof targetPort === "number" ? targetPort : 8443,
      })),
      80,
    ),
    endpoints: dice.times(dice.below(6), () => endpoint(dice, index, family, number)),
  };
}

function endpoint(dice: Dice, index: number, family: Family, number: number): object {
  const node = dice.pick(["a", "b"]);
  return {
    addresses: [endpointAddress(index, family, number, node, 1 + dice.below(12))],
    conditions: conditions(dice),
    nodeName: `node-${node}`,
    zone: `zone-${node}`,
    ...(dice.percent(30) && { hints: { forZones: [{ name: dice.pick(["zone-a", "zone-b"]) }] } }),
  };
}

/**
 * No two slices have an address in common, not even when one is given to another Service: where two slices of a Service
 * disagree about an address, kube-proxy believes the one that comes last in the order of a Go map.
 */
export function endpointAddress(index: number, family: Family, number: number, node: string, host: number): string {
  const subnet = (node === "a" ? 0 : 128) + 2 * index + number;
  return family === "IPv4" ? `10.244.${subnet}.${host}` : `fd00:244:0:${subnet.toString(16)}::${host.toString(16)}`;
}

export function conditions(dice: Dice): object {
  return dice.pick([
    { ready: true, serving: true, terminating: false },
    { ready: true },
    { ready: false, serving: false, terminating: false },
    { ready: false, serving: true, terminating: true },
    { ready: false, serving: false, terminating: true },
  ]);
}
