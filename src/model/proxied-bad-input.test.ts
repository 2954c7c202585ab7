import { expect, it } from "vitest";
import type { Service, ServicePort, ServiceSpec } from "../api/index.ts";
import { parseCidr } from "../net/index.ts";
import { guardFrontends, proxiedService, type RefusedFrontend } from "./index.ts";
import { port, service, slice } from "./testing/objects.ts";

const node = { name: "here", zone: undefined };
const evil = 'x" -j ACCEPT\n-A INPUT -j ACCEPT';

function web(spec: Partial<ServiceSpec> = {}, vips: string[] = []): Service {
  return service("ns/web", { type: "LoadBalancer", clusterIP: "10.96.0.7", ports: [port("http", 80)], ...spec }, vips);
}

const guard = {
  apiServers: new Set<string>(),
  nodeAddresses: new Set<string>(),
  translated: new Map(),
  reservedPorts: [],
  externalIps: ["192.0.2.0/24", "fd00::/64"].flatMap((text) => parseCidr(text) ?? []),
};

/** What is served, as `kind address port`, and why the rest is not. */
function outcome(object: Service): { frontends: string[]; why: string[] } {
  const { service: left, refused } = guardFrontends(proxiedService(object, [], node)!, guard);
  return {
    frontends: left.ports.flatMap(({ frontends }) => frontends.map((f) => `${f.kind} ${f.address} ${f.port}`)),
    why: refused.map(({ frontend, why }: RefusedFrontend) => `${frontend.kind} ${frontend.address}: ${why}`),
  };
}

const clusterIp = "ClusterIP 10.96.0.7 80";
const noFamily = "no ClusterIP is an address of a family in spec.ipFamilies";

it.each<[string, Service, string[], string[]]>([
  [
    "a hostile Service name",
    { ...web(), metadata: { namespace: "ns", name: evil } },
    [],
    ['ClusterIP undefined: "x\\" -j ACCEPT\\n-A INPUT -j ACCEPT" is no name of a Service or namespace'],
  ],
  [
    "a hostile namespace",
    { ...web(), metadata: { namespace: "a b", name: "web" } },
    [],
    ['ClusterIP undefined: "a b" is no name of a Service or namespace'],
  ],
  [
    "a name of more than 253 characters",
    { ...web(), metadata: { namespace: "ns", name: "a".repeat(254) } },
    [],
    [`ClusterIP undefined: "${"a".repeat(75)}..." is no name of a Service or namespace`],
  ],
  [
    "a hostile port name beside a good one",
    web({ ports: [port("http", 80), port("a/b:c", 81)] }),
    [clusterIp],
    ['ClusterIP undefined: "a/b:c" is no name of a port'],
  ],
  [
    "a protocol that is none",
    web({ ports: [port("http", 80), port("x", 81, { protocol: "tcp -j DROP" })] }),
    [clusterIp],
    ['ClusterIP undefined: protocol "tcp -j DROP" is not TCP, UDP or SCTP'],
  ],
  [
    "a protocol in small letters",
    web({ ports: [port("x", 81, { protocol: "tcp" })] }),
    [],
    ['ClusterIP undefined: protocol "tcp" is not TCP, UDP or SCTP'],
  ],
  ["port 0", web({ ports: [port("http", 0)] }), [], ["ClusterIP undefined: 0 is no port number"]],
  [
    "a port beyond the last",
    web({ ports: [port("http", 65_536)] }),
    [],
    ["ClusterIP undefined: 65536 is no port number"],
  ],
  [
    "a port that is a text",
    web({ ports: [port("http", "80 -j DROP" as never)] }),
    [],
    ['ClusterIP undefined: "80 -j DROP" is no port number'],
  ],
  [
    "a node port that is none",
    web({ ports: [port("http", 80, { nodePort: -1 })] }),
    [clusterIp],
    ["NodePort undefined: node port -1 is no port number"],
  ],
  [
    "a ClusterIP that is no address",
    web({ clusterIP: "10.96.0", clusterIPs: ["10.96.0"], ipFamilies: ["IPv4"] }),
    [],
    ['ClusterIP undefined: "10.96.0" is no address', `ClusterIP undefined: ${noFamily}`],
  ],
  [
    "external IPs that are no addresses",
    web({ externalIPs: ["192.0.2.1", "example.org", "", "192.0.2.2/32"] }),
    [clusterIp, "ExternalIP 192.0.2.1 80"],
    ['ExternalIP undefined: "example.org" is no address', 'ExternalIP undefined: "192.0.2.2/32" is no address'],
  ],
  [
    "external IPs outside of what the admin allows",
    web({ externalIPs: ["192.0.2.1", "198.51.100.1"] }),
    [clusterIp, "ExternalIP 192.0.2.1 80"],
    ["ExternalIP 198.51.100.1: the address is not within --allow-external-ips"],
  ],
  [
    "load balancers outside of it: not their list",
    web({}, ["198.51.100.1"]),
    [clusterIp, "LoadBalancerIP 198.51.100.1 80"],
    [],
  ],
  [
    "ingress that is no address",
    web({}, ["lb.example.org"]),
    [clusterIp],
    ['LoadBalancerIP undefined: "lb.example.org" is no address'],
  ],
  [
    "source ranges that do not parse",
    web({ loadBalancerSourceRanges: ["all"] }, ["203.0.113.7"]),
    [clusterIp, "LoadBalancerIP 203.0.113.7 80"],
    ['LoadBalancerIP 203.0.113.7: source range "all" is no prefix, so it lets nobody in'],
  ],
  [
    "leading zeros",
    web({ clusterIP: "010.096.00.07", externalIPs: ["192.000.002.001"] }, ["203.0.113.007"]),
    [clusterIp, "ExternalIP 192.0.2.1 80", "LoadBalancerIP 203.0.113.7 80"],
    [],
  ],
  [
    "the same address twice",
    web({ externalIPs: ["192.0.2.1", "192.0.2.01", "::ffff:192.0.2.1"] }),
    [clusterIp, "ExternalIP 192.0.2.1 80"],
    [],
  ],
  [
    "two ClusterIPs of one family",
    web({ clusterIPs: ["10.96.0.7", "10.96.0.8"], ipFamilies: ["IPv4"] }),
    [clusterIp],
    [],
  ],
  [
    "two ports of one name and protocol: the last counts",
    web({ ports: [port("http", 80), port("http", 81)] }),
    ["ClusterIP 10.96.0.7 81"],
    [],
  ],
  [
    "nulls",
    web({
      ports: [{ name: "http", port: 80, protocol: null, nodePort: null } as never],
      externalIPs: null as never,
      loadBalancerSourceRanges: null as never,
      ipFamilies: null as never,
      sessionAffinity: null as never,
      externalTrafficPolicy: null as never,
      internalTrafficPolicy: null as never,
    }),
    [clusterIp],
    [],
  ],
  ["a ClusterIP of another family", web({ ipFamilies: ["IPv6"] }), [], [`ClusterIP undefined: ${noFamily}`]],
  ["no ports", web({ ports: null as never }), [], []],
])("serves what it can of %s", (_what, object, frontends, why) => {
  expect(outcome(object)).toEqual({ frontends, why });
});

it.each([253, 64])("serves a Service whose names have %i characters", (length) => {
  const name = "a".repeat(length);
  const object = service(`${name}/${name}`, { clusterIP: "10.96.0.7", ports: [port(name, 80)] });
  expect(proxiedService(object, [], node)!.ports).toMatchObject([{ name: `${name}/${name}:${name}` }]);
});

it("has no health check node port for a number that is none", () => {
  const checks = (healthCheckNodePort: unknown) =>
    proxiedService(
      web({ externalTrafficPolicy: "Local", healthCheckNodePort: healthCheckNodePort as number }),
      [],
      node,
    )!.ports.map((one) => one.healthCheckNodePort);
  expect(new Set(checks("80"))).toEqual(new Set([0]));
  expect(new Set(checks(70_000))).toEqual(new Set([0]));
  expect(new Set(checks(32_000))).toEqual(new Set([32_000]));
});

it.each([
  [undefined, 10_800],
  [1, 1],
  [86_400, 86_400],
  [0, 10_800],
  [-5, 10_800],
  [86_401, 10_800],
  [1.5, 10_800],
  ["60 --reap", 10_800],
])("keeps clients for %j as %i seconds", (timeoutSeconds, seconds) => {
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: timeoutSeconds as number } };
  const affinity = (spec: Partial<ServiceSpec>): unknown =>
    proxiedService(web({ sessionAffinityConfig, ...spec }), [], node)!.ports[0]!.affinitySeconds;
  expect(affinity({ sessionAffinity: "ClientIP" })).toBe(seconds);
  expect(affinity({ sessionAffinity: "None" })).toBeUndefined();
});

it("has one port for each name and protocol, each with its own endpoints", () => {
  const ports = ["TCP", "UDP", "SCTP"].map((protocol): ServicePort => port(protocol.toLowerCase(), 53, { protocol }));
  const slices = [
    slice(
      "s",
      ["TCP", "UDP", "SCTP"].map((protocol, i) => ({ name: protocol.toLowerCase(), port: 5300 + i, protocol })),
      [{ ip: "10.0.0.1" }],
    ),
  ];
  const object = web({ type: "ClusterIP", ports });
  expect(
    proxiedService(object, slices, node)!.ports.map((one) => [
      one.name,
      one.protocol,
      one.endpoints.map((e) => e.port),
    ]),
  ).toEqual([
    ["ns/web:tcp", "TCP", [5300]],
    ["ns/web:udp", "UDP", [5301]],
    ["ns/web:sctp", "SCTP", [5302]],
  ]);
});
