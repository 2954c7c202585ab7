import { expect, it } from "vitest";
import type { Service, ServiceSpec } from "../api/index.ts";
import { parseCidr } from "../net/index.ts";
import { guardFrontends, type ProxiedService, proxiedService } from "./index.ts";
import { port, service } from "./testing/objects.ts";

const node = { name: "here", zone: "a" };

function proxied(object: Service, ...slices: Parameters<typeof proxiedService>[1]): ProxiedService | undefined {
  return proxiedService(object, slices, node);
}

function web(spec: Partial<ServiceSpec> = {}, vips: string[] = []): Service {
  return service("ns/web", { clusterIP: "10.96.0.7", ports: [port("http", 80)], ...spec }, vips);
}

function frontends(object: Service): string[] {
  return proxied(object)!.ports.flatMap((one) =>
    one.frontends.map(({ kind, address, port }) => `${one.name} ${one.protocol} ${kind} ${address} ${port}`),
  );
}

it.each([
  ["headless", web({ clusterIP: "None" })],
  ["not yet given an address", web({ clusterIP: "" })],
  ["an alias", web({ type: "ExternalName" })],
  [
    "left to another proxy",
    { ...web(), metadata: { name: "web", labels: { "service.kubernetes.io/service-proxy-name": "x" } } },
  ],
])("does not serve a Service that is %s", (_what, object) => {
  expect(proxied(object)).toBeUndefined();
});

const named = (proxy?: string): Service => ({
  ...web(),
  metadata: {
    name: "web",
    ...(proxy !== undefined && { labels: { "service.kubernetes.io/service-proxy-name": proxy } }),
  },
});

it.each<[asking: string | undefined, label: string | undefined, served: boolean]>([
  [undefined, undefined, true],
  [undefined, "mine", false],
  [undefined, "", false],
  ["mine", undefined, false],
  ["mine", "", false],
  ["mine", "mine", true],
  ["mine", "Mine", false],
])("the proxy %s finds a Service of the proxy %s: %s", (asking, label, served) => {
  expect(proxiedService(named(label), [], node, asking) !== undefined).toBe(served);
});

const lb = {
  type: "LoadBalancer",
  ports: [port("http", 80, { nodePort: 30080 })],
  loadBalancerSourceRanges: ["10.0.0.0/8"],
};
const doubt = (text: string): string =>
  `NodePort not to sources outside the source ranges: annotation berth.dev/source-ranges-on-node-ports is ${text}, neither true nor false, and counts as true`;

it.each<[text: string | undefined, spec: Partial<ServiceSpec>, holds: true | undefined, refused: string[]]>([
  [undefined, lb, undefined, []],
  ["true", lb, true, []],
  ["false", lb, undefined, []],
  ["ture", lb, true, [doubt('"ture"')]],
  ["", lb, true, [doubt('""')]],
  ["True", lb, true, [doubt('"True"')]],
  // Nothing is asked for that could go wrong.
  ["ture", { ...lb, loadBalancerSourceRanges: [] }, true, []],
  ["ture", { ...lb, ports: [port("http", 80)] }, true, []],
  [
    "true",
    { ...lb, loadBalancerSourceRanges: ["all"] },
    true,
    ['NodePort source range "all" is no prefix, so it lets nobody in'],
  ],
  [undefined, { ...lb, loadBalancerSourceRanges: ["all"] }, undefined, []],
])("source ranges on NodePorts: %j with %j", (text, spec, holds, expected) => {
  const object = web(spec);
  const annotations = { ...(text !== undefined && { "berth.dev/source-ranges-on-node-ports": text }) };
  const { ports, refused = [] } = proxied({ ...object, metadata: { ...object.metadata, annotations } })!;
  expect(ports[0]!.rangesOnNodePorts).toBe(holds);
  expect(refused.map(({ frontend, why }) => `${frontend.kind} ${why}`)).toEqual(expected);
});

it("has a frontend for each way in", () => {
  const ports = [port("http", 80, { nodePort: 30080 }), port("dns", 53, { protocol: "UDP" }), { port: 81 } as never];
  const object = web({ ports, externalIPs: ["192.0.2.1", "fd00::1"] }, ["203.0.113.7", "203.0.113.7"]);
  expect(frontends(object)).toEqual([
    "ns/web:http TCP ClusterIP 10.96.0.7 80",
    "ns/web:http TCP ExternalIP 192.0.2.1 80",
    "ns/web:http TCP LoadBalancerIP 203.0.113.7 80",
    "ns/web:http TCP NodePort undefined 30080",
    "ns/web:dns UDP ClusterIP 10.96.0.7 53",
    "ns/web:dns UDP ExternalIP 192.0.2.1 53",
    "ns/web:dns UDP LoadBalancerIP 203.0.113.7 53",
    "ns/web TCP ClusterIP 10.96.0.7 81",
    "ns/web TCP ExternalIP 192.0.2.1 81",
    "ns/web TCP LoadBalancerIP 203.0.113.7 81",
  ]);
});

it.each([
  ["Proxy", false],
  ["VIP", true],
  [undefined, true],
])("ipMode %s", (ipMode, captured) => {
  const object = {
    ...web(),
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.7", ...(ipMode && { ipMode }) }] } },
  };
  expect(frontends(object).some((text) => text.includes("LoadBalancerIP"))).toBe(captured);
});

it.each([
  ["both families", { clusterIPs: ["10.96.0.7", "fd00::7"], ipFamilies: ["IPv4", "IPv6"] }, ["IPv4", "IPv6"]],
  [
    "IPv6 first",
    { clusterIP: "fd00::7", clusterIPs: ["fd00::7", "10.96.0.7"], ipFamilies: ["IPv6", "IPv4"] },
    ["IPv4", "IPv6"],
  ],
  ["no families named", { ipFamilies: [] }, ["IPv4"]],
  ["only the families named", { clusterIPs: ["10.96.0.7", "fd00::7"], ipFamilies: ["IPv4"] }, ["IPv4"]],
])("serves %s", (_what, spec, families) => {
  expect(proxied(web(spec))!.ports.map(({ family }) => family)).toEqual(families);
});

const dual = {
  clusterIPs: ["10.96.0.7", "fd00::7"],
  ipFamilies: ["IPv4", "IPv6"],
  externalIPs: ["192.0.2.1", "fd00:99::1"],
  ports: [port("http", 80, { nodePort: 30080 })],
};

// The tables of kube-proxy's service map: what a port of each family is reached by.
it.each<[string, Service, Record<string, string[]>]>([
  [
    "ports of a ClusterIP",
    web({ ports: [port("p1", 1234, { protocol: "UDP" }), port("p2", 1235, { protocol: "UDP" })] }),
    {
      "IPv4 ns/web:p1": ["ClusterIP 10.96.0.7"],
      "IPv4 ns/web:p2": ["ClusterIP 10.96.0.7"],
    },
  ],
  [
    "a load balancer without an address yet",
    web({ type: "LoadBalancer", ports: dual.ports }),
    {
      "IPv4 ns/web:http": ["ClusterIP 10.96.0.7", "NodePort undefined"],
    },
  ],
  [
    "a load balancer without node ports",
    web({ type: "LoadBalancer" }, ["203.0.113.7"]),
    {
      "IPv4 ns/web:http": ["ClusterIP 10.96.0.7", "LoadBalancerIP 203.0.113.7"],
    },
  ],
  [
    "both families, each with its own",
    web({ type: "LoadBalancer", ...dual }, ["203.0.113.7", "fd00:1::7"]),
    {
      "IPv4 ns/web:http": [
        "ClusterIP 10.96.0.7",
        "ExternalIP 192.0.2.1",
        "LoadBalancerIP 203.0.113.7",
        "NodePort undefined",
      ],
      "IPv6 ns/web:http": [
        "ClusterIP fd00::7",
        "ExternalIP fd00:99::1",
        "LoadBalancerIP fd00:1::7",
        "NodePort undefined",
      ],
    },
  ],
  [
    "IPv6 alone with addresses of both",
    web({ ...dual, clusterIP: "fd00::7", clusterIPs: ["fd00::7"], ipFamilies: ["IPv6"] }),
    {
      "IPv6 ns/web:http": ["ClusterIP fd00::7", "ExternalIP fd00:99::1", "NodePort undefined"],
    },
  ],
  [
    "an old object without families",
    web({ clusterIP: "fd00::7", ipFamilies: [] }),
    {
      "IPv6 ns/web:http": ["ClusterIP fd00::7"],
    },
  ],
  [
    "a name of a load balancer",
    { ...web(), status: { loadBalancer: { ingress: [{ hostname: "lb.example.org" }] } } },
    {
      "IPv4 ns/web:http": ["ClusterIP 10.96.0.7"],
    },
  ],
])("is reached by %s", (_what, object, expected) => {
  const found = proxied(object)!.ports.map(({ family, name, frontends: list }) => [
    `${family} ${name}`,
    list.map(({ kind, address }) => `${kind} ${address}`),
  ]);
  expect(Object.fromEntries(found)).toEqual(expected);
});

it("follows an object from ClusterIP to load balancer and back", () => {
  const plain = web();
  const balanced = web({ type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 345 }, [
    "203.0.113.7",
  ]);
  expect(proxied(plain)).toMatchObject({ ports: [{ externalPolicy: "Cluster", healthCheckNodePort: 0 }] });
  expect(proxied(balanced)).toMatchObject({ ports: [{ externalPolicy: "Local", healthCheckNodePort: 345 }] });
  const open = web({ type: "LoadBalancer", externalTrafficPolicy: "Cluster", healthCheckNodePort: 345 });
  expect(proxied(open)).toMatchObject({ ports: [{ externalPolicy: "Cluster", healthCheckNodePort: 0 }] });
  expect(proxied(web({ healthCheckNodePort: 345 }))).toEqual(proxied(plain));
});

it.each([
  ["trimmed, of the family", [" 203.0.113.9/25 ", "10.0.0.0/8", "fd00::/8"], ["203.0.113.0/25", "10.0.0.0/8"]],
  ["everybody", ["10.0.0.0/8", "0.0.0.0/0"], undefined],
  ["none", undefined, undefined],
])("source ranges: %s", (_what, loadBalancerSourceRanges, ranges) => {
  expect(
    proxied(web({ ...(loadBalancerSourceRanges && { loadBalancerSourceRanges }) }))!.ports[0]!.sourceRanges,
  ).toEqual(ranges);
});

it("has no external policy without an external way in", () => {
  expect(proxied(web({ externalTrafficPolicy: "Local" }))!.ports[0]!.externalPolicy).toBe("Cluster");
  expect(proxied(web({ externalTrafficPolicy: "Local", externalIPs: ["192.0.2.1"] }))!.ports[0]!.externalPolicy).toBe(
    "Local",
  );
});

const guard = {
  apiServers: new Set(["192.0.2.9:6443"]),
  nodeAddresses: new Set(["192.0.2.1"]),
  translated: new Map(),
  externalIps: ["0.0.0.0/0"].flatMap((text) => parseCidr(text) ?? []),
  reservedPorts: [
    { first: 22, last: 22 },
    { first: 30000, last: 32767 },
  ],
};

it.each([
  ["the API server", "192.0.2.9", 6443, true],
  ["another port of the API server", "192.0.2.9", 443, false],
  ["a reserved port of the node", "192.0.2.1", 22, true],
  ["a reserved range of the node", "192.0.2.1", 30080, true],
  ["another port of the node", "192.0.2.1", 80, false],
  ["a reserved port elsewhere", "203.0.113.7", 22, false],
])("guards %s", (_what, address, number, refused) => {
  for (const object of [
    web({ externalIPs: [address], ports: [port("http", number)] }),
    web({ ports: [port("http", number)] }, [address]),
  ]) {
    const result = guardFrontends(proxied(object)!, guard);
    expect(result.refused.length).toBe(refused ? 1 : 0);
    expect(result.service.ports[0]!.frontends.length).toBe(refused ? 1 : 2);
  }
});

it("leaves ClusterIPs and NodePorts to the API server, which assigned them", () => {
  const object = web({ clusterIP: "192.0.2.9", ports: [port("http", 6443, { nodePort: 30080 })] });
  expect(guardFrontends(proxied(object)!, guard).refused).toEqual([]);
});
