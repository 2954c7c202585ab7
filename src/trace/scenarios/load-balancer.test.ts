import { describe, expect, it } from "vitest";
import { port } from "../../model/testing/objects.ts";
import { type Cidr, parseCidr } from "../../net/index.ts";
import { trace } from "../index.ts";
import { cluster, machine, rulesFor, type Served, serve, type World } from "../testing/scenario.ts";

const spec = {
  type: "LoadBalancer",
  clusterIP: "172.30.0.41",
  ports: [port("p80", 80, { nodePort: 3001 })],
};
const vips = ["1.2.3.4", "5.6.7.8"];
const reached = "10.180.0.1:80 masqueraded";

describe("source ranges", () => {
  // White space round a range is nothing, as it always was.
  const loadBalancerSourceRanges = ["192.168.0.0/24", " 203.0.113.0/25"];
  const send = cluster([serve("ns1/svc1", { ...spec, loadBalancerSourceRanges }, ["10.180.0.1"], vips)]);

  it.each([
    ["pod", "172.30.0.41:80", "10.180.0.1:80"],
    ["client", "node:3001", reached],
    ["stranger", "node:3001", reached],
    ["stranger", "172.30.0.41:80", reached],
    ["client", "1.2.3.4:80", reached],
    ["client", "5.6.7.8:80", reached],
    ["stranger", "1.2.3.4:80", "DROP"],
    ["stranger", "5.6.7.8:80", "DROP"],
    ["pod", "1.2.3.4:80", "DROP"],
    ["pod", "5.6.7.8:80", "DROP"],
    ["node", "1.2.3.4:80", reached],
    ["node", "5.6.7.8:80", reached],
    ["second address", "1.2.3.4:80", "DROP"],
    // The node is allowed, and its traffic to the address may have been given that address as its source.
    ["1.2.3.4", "1.2.3.4:80", reached],
    ["5.6.7.8", "5.6.7.8:80", reached],
    ["stranger", "1.2.3.4:81", "ACCEPT"],
  ])("%s to %s", (from, to, result) => {
    expect(send(from, to)).toBe(result);
  });

  it.each<[string, string[], string, string]>([
    ["all of IPv4", ["0.0.0.0/0"], "stranger", reached],
    ["all of IPv4 among others", ["10.0.0.0/8", "0.0.0.0/0"], "stranger", reached],
    ["one address", ["203.0.113.130/32"], "stranger", reached],
    ["one address, another client", ["203.0.113.130/32"], "client", "DROP"],
    ["none for the node: not its addresses either", ["203.0.113.0/25"], "1.2.3.4", "DROP"],
    ["only nonsense lets nobody in", ["nonsense"], "client", "DROP"],
    ["only IPv6 says nothing of IPv4", ["2001:db8::/32"], "stranger", reached],
  ])("%s", (_what, ranges, from, result) => {
    const own = cluster([serve("ns1/svc1", { ...spec, loadBalancerSourceRanges: ranges }, ["10.180.0.1"], vips)]);
    expect(own(from, "1.2.3.4:80")).toBe(result);
  });

  it("hold for clients that policy Local keeps here, and for pods that go round", () => {
    const own = { ...spec, loadBalancerSourceRanges, externalTrafficPolicy: "Local" };
    const local = cluster([serve("ns1/svc1", own, ["10.180.0.1 here", "10.180.0.2 there"], vips)]);
    expect(local("client", "1.2.3.4:80")).toBe("10.180.0.1:80");
    expect(local("stranger", "1.2.3.4:80")).toBe("DROP");
    expect(local("pod", "1.2.3.4:80")).toBe("DROP");
    expect(local("node", "1.2.3.4:80")).toBe("10.180.0.1:80, 10.180.0.2:80 masqueraded");
  });

  it("do not hide that there are no endpoints", () => {
    const none = cluster([serve("ns1/svc1", { ...spec, loadBalancerSourceRanges }, [], vips)]);
    expect(none("client", "1.2.3.4:80")).toBe("REJECT");
    expect(none("stranger", "1.2.3.4:80")).toBe("REJECT");
  });
});

describe("source ranges on NodePorts", () => {
  const loadBalancerSourceRanges = ["192.168.0.0/24", "203.0.113.0/25"];
  const annotations = { "berth.dev/source-ranges-on-node-ports": "true" };
  const own = (
    more: Parameters<typeof serve>[1] = {},
    endpoints = ["10.180.0.1"],
    world: World = {},
    text: Record<string, string> = annotations,
  ) => cluster([serve("ns1/svc1", { ...spec, loadBalancerSourceRanges, ...more }, endpoints, vips, text)], world);
  const prefixes = (...texts: string[]): Cidr[] => texts.flatMap((text) => parseCidr(text) ?? []);

  it.each([
    ["client", "node:3001", reached],
    ["client", "second address:3001", reached],
    ["stranger", "node:3001", "DROP"],
    ["stranger", "second address:3001", "DROP"],
    ["pod", "node:3001", "DROP"],
    ["node", "node:3001", reached],
    ["second address", "second address:3001", "DROP"],
    // Load balancers as before, and what source ranges are not for.
    ["stranger", "1.2.3.4:80", "DROP"],
    ["client", "1.2.3.4:80", reached],
    ["stranger", "172.30.0.41:80", reached],
    ["pod", "172.30.0.41:80", "10.180.0.1:80"],
    ["stranger", "node:3002", "ACCEPT"],
    ["stranger", "203.0.113.9:3001", "ACCEPT"],
    // Not offered there: whoever listens on loopback is reached.
    ["localhost", "localhost:3001", "ACCEPT"],
  ])("%s to %s", (from, to, result) => {
    expect(own()(from, to)).toBe(result);
  });

  it.each<[string, Record<string, string>, string]>([
    ["without the annotation", {}, reached],
    ["with false", { "berth.dev/source-ranges-on-node-ports": "false" }, reached],
    ["with what is neither true nor false", { "berth.dev/source-ranges-on-node-ports": "yes" }, "DROP"],
  ])("%s", (_what, text, result) => {
    expect(own({}, undefined, {}, text)("stranger", "node:3001")).toBe(result);
  });

  it.each<[string, World, string, string, string]>([
    ["offered", { localhostNodePorts: true }, "localhost", "localhost:3001", "DROP"],
    ["offered by address", { nodePortAddresses: prefixes("192.168.0.0/24") }, "stranger", "node:3001", "DROP"],
    ["not offered", { nodePortAddresses: prefixes("192.168.0.0/24") }, "stranger", "second address:3001", "ACCEPT"],
  ])("only where NodePorts are %s", (_what, world, from, to, result) => {
    expect(own({}, undefined, world)(from, to)).toBe(result);
  });

  it("hold with policy Local, and without a local endpoint all are dropped", () => {
    const local = { externalTrafficPolicy: "Local" };
    const here = own(local, ["10.180.0.1 here", "10.180.0.2 there"]);
    expect(here("client", "node:3001")).toBe("10.180.0.1:80");
    expect(here("stranger", "node:3001")).toBe("DROP");
    expect(here("pod", "node:3001")).toBe("DROP");
    expect(here("node", "node:3001")).toBe("10.180.0.1:80, 10.180.0.2:80 masqueraded");
    const there = own(local, ["10.180.0.2 there"]);
    expect(there("client", "node:3001")).toBe("DROP");
    expect(there("stranger", "node:3001")).toBe("DROP");
    expect(there("node", "node:3001")).toBe("10.180.0.2:80 masqueraded");
  });

  it("do not hide that there are no endpoints", () => {
    expect(own({}, [])("stranger", "node:3001")).toBe("REJECT");
  });

  it("need no load balancer that nodes serve: it may be elsewhere, and send to NodePorts", () => {
    const [object, slices] = serve("ns1/svc1", { ...spec, loadBalancerSourceRanges }, ["10.180.0.1"], [], annotations);
    const send = cluster([[object, slices]]);
    expect(send("client", "node:3001")).toBe(reached);
    expect(send("stranger", "node:3001")).toBe("DROP");
  });

  it("drop nobody who came another way to a pod of the node's network that has the NodePort's number", () => {
    const ports = [port("p80", 80, { nodePort: 3001, targetPort: 3001 })];
    const send = own({ ports }, ["192.168.0.2 here"]);
    expect(send("client", "node:3001")).toBe("192.168.0.2:3001");
    expect(send("pod", "172.30.0.41:80")).toBe("192.168.0.2:3001");
    expect(send("stranger", "node:3001")).toBe("DROP");
  });

  it("hold over IPv6", () => {
    const v6 = {
      ...spec,
      clusterIP: "fd00:172:30::41",
      loadBalancerSourceRanges: ["2600:5200::/64"],
    };
    const send = cluster([serve("ns1/svc1", v6, ["fd00:10:180::1"], [], annotations)], { family: "IPv6" });
    expect(send("client", "node:3001")).toBe("[fd00:10:180::1]:80 masqueraded");
    expect(send("pod", "node:3001")).toBe("DROP");
  });
});

describe("ipMode", () => {
  const withMode = (ipMode: string | undefined): Served => {
    const [service, slices] = serve("ns1/svc1", spec, ["10.180.0.1"]);
    const ingress = { ip: "1.2.3.4", ...(ipMode !== undefined && { ipMode }) };
    return [{ ...service, status: { loadBalancer: { ingress: [ingress, { hostname: "lb.example" }] } } }, slices];
  };

  it.each([
    ["Proxy", "ACCEPT"],
    ["VIP", reached],
    [undefined, reached],
  ])("%s", (mode, result) => {
    expect(cluster([withMode(mode)])("pod", "1.2.3.4:80")).toBe(result);
    expect(cluster([withMode(mode)])("client", "node:3001")).toBe(reached);
  });
});

it("serves a load balancer without NodePort by its address alone", () => {
  const own = { ...spec, ports: [port("p80", 80)], allocateLoadBalancerNodePorts: false };
  const send = cluster([serve("ns1/svc1", own, ["10.180.0.1"], vips)]);
  expect(send("client", "1.2.3.4:80")).toBe(reached);
  expect(send("client", "node:3001")).toBe("ACCEPT");
});

it("reads addresses that an old API server let in with leading zeros", () => {
  const own = { ...spec, clusterIP: "172.30.0.041", externalIPs: ["192.168.099.022"] };
  const ranges = { loadBalancerSourceRanges: ["203.0.113.000/025"] };
  const send = cluster([serve("ns1/svc1", { ...own, ...ranges }, ["10.180.00.001"], ["1.2.3.004"])]);
  expect(send("pod", "172.30.0.41:80")).toBe("10.180.0.1:80");
  expect(send("client", "192.168.99.22:80")).toBe(reached);
  expect(send("client", "1.2.3.4:80")).toBe(reached);
  expect(send("stranger", "1.2.3.4:80")).toBe("DROP");
});

it("lets health checks in, whatever else the node's firewall does, while the Service is there", () => {
  const own = { ...spec, externalTrafficPolicy: "Local", healthCheckNodePort: 30000 };
  const packet = { source: "203.0.113.2", destination: "192.168.0.2", protocol: "tcp", port: 30000 };
  const accepted = (served: Served[]) =>
    trace(rulesFor(served), machine, packet).outcomes.map(({ verdict, rules }) => [verdict, rules.at(-1)?.text]);
  expect(accepted([serve("ns1/svc1", own, [])])).toEqual([
    ["ACCEPT", '-m comment --comment "ns1/svc1:p80 health check node port" -m tcp -p tcp --dport 30000 -j ACCEPT'],
  ]);
  expect(accepted([])).toEqual([["ACCEPT", expect.stringContaining("-j KUBE-EXTERNAL-SERVICES")]]);
});
