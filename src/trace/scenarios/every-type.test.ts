import { describe, expect, it } from "vitest";
import { port } from "../../model/testing/objects.ts";
import type { Family } from "../../net/index.ts";
import { trace } from "../index.ts";
import { cluster, machine, rulesFor, serve, type World } from "../testing/scenario.ts";

const nodePort = (number: number) => [port("p80", 80, { nodePort: number })];
const local = { externalTrafficPolicy: "Local" } as const;

describe("a Service of every type", () => {
  const send = cluster([
    serve("ns1/svc1", { clusterIP: "172.30.0.41" }, ["10.180.0.1 here"]),
    serve(
      "ns2/svc2",
      {
        type: "LoadBalancer",
        clusterIP: "172.30.0.42",
        externalIPs: ["192.168.99.22"],
        healthCheckNodePort: 30000,
        ports: nodePort(3001),
        ...local,
      },
      ["10.180.0.2 there"],
      ["1.2.3.4"],
    ),
    serve("ns3/svc3", { type: "NodePort", clusterIP: "172.30.0.43", ports: nodePort(3003) }, ["10.180.0.3"]),
    serve(
      "ns4/svc4",
      { type: "NodePort", clusterIP: "172.30.0.44", externalIPs: ["192.168.99.33"], ports: nodePort(3004) },
      ["10.180.0.4", "10.180.0.5 here"],
    ),
    serve(
      "ns5/svc5",
      {
        type: "LoadBalancer",
        clusterIP: "172.30.0.45",
        sessionAffinity: "ClientIP",
        loadBalancerSourceRanges: ["203.0.113.0/25"],
        ports: nodePort(3002),
      },
      ["10.180.0.3"],
      ["5.6.7.8"],
    ),
    serve("ns6/svc6", { clusterIP: "172.30.0.46" }, []),
  ]);

  it.each([
    ["pod", "172.30.0.41:80", "10.180.0.1:80"],
    ["pod", "172.30.0.42:80", "10.180.0.2:80"],
    ["client", "1.2.3.4:80", "DROP"],
    ["pod", "1.2.3.4:80", "10.180.0.2:80"],
    ["client", "192.168.99.22:80", "DROP"],
    ["client", "node:3001", "DROP"],
    ["client", "node:30000", "ACCEPT"],
    ["client", "node:3003", "10.180.0.3:80 masqueraded"],
    ["pod", "172.30.0.44:80", "10.180.0.4:80, 10.180.0.5:80"],
    ["client", "192.168.99.33:80", "10.180.0.4:80, 10.180.0.5:80 masqueraded"],
    ["client", "node:3004", "10.180.0.4:80, 10.180.0.5:80 masqueraded"],
    ["pod", "172.30.0.45:80", "10.180.0.3:80"],
    ["client", "5.6.7.8:80", "10.180.0.3:80 masqueraded"],
    ["stranger", "5.6.7.8:80", "DROP"],
    ["stranger", "node:3002", "10.180.0.3:80 masqueraded"],
    ["pod", "172.30.0.46:80", "REJECT"],
    ["node", "172.30.0.46:80", "REJECT"],
    ["pod", "172.30.0.99:80", "ACCEPT"],
    ["pod", "8.8.8.8:80", "ACCEPT"],
    ["client", "node:22", "ACCEPT"],
  ])("%s to %s", (from, to, result) => {
    expect(send(from, to)).toBe(result);
  });
});

describe("Services without endpoints", () => {
  const send = cluster([
    serve("ns1/cluster", { clusterIP: "172.30.0.41" }, []),
    serve("ns2/external", { clusterIP: "172.30.0.42", externalIPs: ["192.168.99.11"] }, ["10.0.0.1 starting"]),
    serve("ns3/node", { type: "NodePort", clusterIP: "172.30.0.43", ports: nodePort(3001) }, []),
    serve(
      "ns4/lb",
      { type: "LoadBalancer", clusterIP: "172.30.0.44", ports: nodePort(3002) },
      ["10.0.0.1 dead"],
      ["1.2.3.4"],
    ),
    serve(
      "ns5/local",
      { type: "LoadBalancer", clusterIP: "172.30.0.45", ports: nodePort(3003), ...local },
      [],
      ["5.6.7.8"],
    ),
  ]);

  it.each([
    ["pod", "172.30.0.41:80"],
    ["client", "172.30.0.41:80"],
    ["pod", "192.168.99.11:80"],
    ["client", "192.168.99.11:80"],
    ["pod", "node:3001"],
    ["client", "node:3001"],
    ["node", "node:3001"],
    ["localhost", "localhost:3001"],
    ["client", "second address:3001"],
    ["pod", "1.2.3.4:80"],
    ["client", "1.2.3.4:80"],
    ["client", "5.6.7.8:80"],
    ["client", "node:3003"],
  ])("refuse %s to %s", (from, to) => {
    expect(send(from, to)).toBe("REJECT");
  });

  it("let the node's own packets to a load balancer go out to it, as kube-proxy does", () => {
    expect(send("node", "1.2.3.4:80")).toBe("ACCEPT");
    expect(send("node", "192.168.99.11:80")).toBe("ACCEPT");
  });

  it("leave other ports and protocols alone", () => {
    expect(send("pod", "172.30.0.41:81")).toBe("ACCEPT");
    expect(send("pod", "172.30.0.41:80/udp")).toBe("ACCEPT");
  });
});

describe("packets that connection tracking finds invalid", () => {
  const served = [serve("ns1/svc1", { clusterIP: "172.30.0.41" }, ["10.180.0.1 here"])];
  const packet = { source: "10.180.0.1", destination: "203.0.113.2", protocol: "tcp", port: 4711, invalid: true };
  const fate = (world: World) => trace(rulesFor(served, world), machine, packet).outcomes.map(({ verdict }) => verdict);

  // They would reach a client under an address that it does not know, and make it end its connection.
  it.each<[World, string]>([
    [{ dropInvalid: true }, "DROP"],
    [{ dropInvalid: true, accounting: new Set<Family>(["IPv4"]) }, "DROP"],
    [{ dropInvalid: false }, "ACCEPT"],
  ])("%o: %s", (world, verdict) => {
    expect(fate(world)).toEqual([verdict]);
  });

  it("are not translated", () => {
    const toService = { ...packet, source: "10.0.0.2", destination: "172.30.0.41", port: 80 };
    const { outcomes } = trace(rulesFor(served, { dropInvalid: false }), machine, toService);
    expect(outcomes).toMatchObject([{ verdict: "ACCEPT", translated: false, destination: "172.30.0.41:80" }]);
  });
});
