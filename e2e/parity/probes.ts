// Questions to Services from everywhere.
import type { Answers, Question } from "../tools/ask-all.ts";
import type { EndpointSpec, ServiceSpec } from "./objects.ts";

export const members = ["client", "node", "pod-1", "pod-2"] as const;
export type Member = (typeof members)[number];

/** A second address of the client, which source ranges leave out. */
const strangers: readonly string[] = ["192.0.2.130", "fd00:c::82"];
/** Where a load balancer of mode Proxy is: the client has them. */
const proxyAddresses: readonly [string, string] = ["203.0.113.99", "fd00:cb::99"];

export interface Probe {
  readonly from: Member;
  readonly question: Question;
  /** Whether it counts how many answer, not who. */
  readonly sticky: boolean;
}

interface Probed {
  readonly name: string;
  /** Which pods are behind it. `pod-1` is on the node, `far` on another. */
  readonly pods: readonly EndpointState[];
  readonly spec?: object;
  readonly ipMode?: "Proxy";
}

interface EndpointState {
  readonly pod: "pod-1" | "far";
  readonly conditions?: object;
  readonly hints?: object;
}

const podsOf = {
  IPv4: {
    "pod-1": { addresses: ["10.244.1.2"], nodeName: "node-a" },
    far: { addresses: ["10.244.2.2"], nodeName: "node-b" },
  },
  IPv6: {
    "pod-1": { addresses: ["fd00:244:1::2"], nodeName: "node-a" },
    far: { addresses: ["fd00:244:2::2"], nodeName: "node-b" },
  },
} as const;

const near: EndpointState = { pod: "pod-1" };
const far: EndpointState = { pod: "far" };
const ending = { conditions: { ready: false, serving: true, terminating: true } };
const unready = { conditions: { ready: false, serving: false, terminating: false } };
const local = { externalTrafficPolicy: "Local" };
const onlyClient = { loadBalancerSourceRanges: ["192.0.2.2/32", "fd00:c::2/128"] };

const probed: readonly Probed[] = [
  { name: "both", pods: [near, far] },
  { name: "only-near", pods: [near] },
  { name: "only-far", pods: [far] },
  { name: "nobody", pods: [] },
  { name: "local", pods: [near, far], spec: local },
  { name: "local-none", pods: [far], spec: local },
  { name: "all-local", pods: [near, far], spec: { ...local, internalTrafficPolicy: "Local" } },
  { name: "internal-none", pods: [far], spec: { internalTrafficPolicy: "Local" } },
  { name: "ranges", pods: [near], spec: onlyClient },
  { name: "ranges-local", pods: [near, far], spec: { ...onlyClient, ...local } },
  { name: "ranges-node", pods: [far], spec: { loadBalancerSourceRanges: ["192.0.2.1/32", "fd00:c::1/128"] } },
  { name: "sticky", pods: [near, far], spec: { sessionAffinity: "ClientIP" } },
  {
    name: "ending",
    pods: [
      { ...near, ...ending },
      { ...far, ...unready },
    ],
  },
  { name: "other-node", pods: [near, far].map((pod) => ({ ...pod, hints: here("node-c") })) },
  {
    name: "same-node",
    pods: [
      { ...near, hints: here() },
      { ...far, hints: here("node-b") },
    ],
  },
  { name: "proxy", pods: [near], ipMode: "Proxy" },
];

function here(name = "node-a"): object {
  return { forNodes: [{ name }] };
}

/** Of the i-th Service, in IPv4 and IPv6; all in bands that no allocator chooses from. */
function addressesOf(i: number): Readonly<Record<"clusterIP" | "externalIP" | "vip", readonly [string, string]>> {
  return {
    clusterIP: [`10.96.0.${10 + i}`, `fd00:96::${10 + i}`],
    externalIP: [`198.51.100.${10 + i}`, `2001:db8:3::${10 + i}`],
    vip: probed[i]?.ipMode === "Proxy" ? proxyAddresses : [`203.0.113.${10 + i}`, `2001:db8:1::${10 + i}`],
  };
}

const nodePortOf = (i: number, protocol: "tcp" | "udp"): number => 30_000 + 3 * i + (protocol === "tcp" ? 0 : 1);
const healthPortOf = (i: number): number => 30_000 + 3 * i + 2;

/** The Services that are asked; each has every kind of address. */
export const probedServices: readonly ServiceSpec[] = probed.map(({ name, pods, spec = {}, ipMode = "VIP" }, i) => {
  const { clusterIP, externalIP, vip } = addressesOf(i);
  const slice = (family: "IPv4" | "IPv6"): ServiceSpec["slices"][number] => ({
    family,
    ports: ["TCP", "UDP"].map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 8081 })),
    endpoints: pods.map(({ pod, ...more }): EndpointSpec => ({ ...podsOf[family][pod], ...more })),
  });
  return {
    name,
    spec: {
      type: "LoadBalancer",
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
      clusterIP: clusterIP[0],
      clusterIPs: clusterIP,
      externalIPs: externalIP,
      ...("externalTrafficPolicy" in spec && { healthCheckNodePort: healthPortOf(i) }),
      ports: (["tcp", "udp"] as const).map((protocol) => ({
        name: protocol,
        protocol: protocol.toUpperCase(),
        port: 8080,
        nodePort: nodePortOf(i, protocol),
      })),
      ...spec,
    },
    ingress: vip.map((ip) => ({ ip, ipMode })),
    slices: [slice("IPv4"), slice("IPv6")],
  };
});

/** Everybody asks every Service at every address, over TCP in both families and over UDP in IPv4. */
export const probes: readonly Probe[] = probed.flatMap(({ name, pods, spec = {} }, i) => {
  const { clusterIP, externalIP, vip } = addressesOf(i);
  const sticky = name === "sticky";
  // With two endpoints chance decides: so often that both are seen.
  const count = pods.length < 2 ? 1 : sticky ? 10 : 30;
  const ways = (protocol: "tcp" | "udp", family: 0 | 1): [host: string, port: number, members: readonly Member[]][] => [
    ...[clusterIP, externalIP, vip].map((address): [string, number, readonly Member[]] => [
      address[family],
      8080,
      members,
    ]),
    ...(family === 0 ? ["192.0.2.1", "10.244.1.1"] : ["fd00:c::1", "fd00:244:1::1"]).map(
      (address): [string, number, readonly Member[]] => [address, nodePortOf(i, protocol), members],
    ),
    [family === 0 ? "127.0.0.1" : "::1", nodePortOf(i, protocol), ["node"]],
  ];
  const asked = ([protocol, family]: readonly ["tcp" | "udp", 0 | 1]): Probe[] =>
    ways(protocol, family).flatMap(([host, port, from]) =>
      from
        // Which pod a pod sticks to decides whether it sees itself.
        .filter((member) => !(sticky && member.startsWith("pod")))
        .flatMap((member): Probe[] => [
          { from: member, question: { protocol, host, port, count }, sticky },
          ...(member === "client"
            ? [{ from: member, question: { protocol, host, port, count, from: strangers[family] ?? "" }, sticky }]
            : []),
        ]),
    );
  const health: Probe[] =
    "externalTrafficPolicy" in spec
      ? ["192.0.2.1", "fd00:c::1"].map((host) => ({
          from: "client",
          question: { protocol: "http", host, port: healthPortOf(i), count: 1 },
          sticky: false,
        }))
      : [];
  return [
    ...(
      [
        ["tcp", 0],
        ["tcp", 1],
        ["udp", 0],
      ] as const
    ).flatMap(asked),
    ...health,
  ];
});

/** One line for a probe and what came of it. */
export function outcome({ from, question, sticky }: Probe, answers: Answers): string {
  const { protocol, host, port, from: source } = question;
  const who = sticky ? [`${answers.length} answers`] : answers;
  return `${from}${source === undefined ? "" : ` (${source})`} ${protocol} ${host} ${port}: ${who.join(", ")}`;
}
