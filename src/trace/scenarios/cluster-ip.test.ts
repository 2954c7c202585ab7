import { describe, expect, it } from "vitest";
import { chainName } from "../../agent/plan/names.ts";
import { port } from "../../model/testing/objects.ts";
import { trace } from "../index.ts";
import { cluster, machine, rulesFor, serve } from "../testing/scenario.ts";

describe("ports of ClusterIPs", () => {
  const send = cluster([
    serve("ns1/svc1", { clusterIP: "172.30.0.41", ports: [port("http", 80)] }, ["10.180.0.1 here"]),
    serve(
      "ns2/svc2",
      {
        clusterIP: "172.30.0.42",
        ports: [
          port("http", 80),
          port("https", 443, { targetPort: 8443 }),
          port("dns-udp", 53, { protocol: "UDP" }),
          port("dns-tcp", 53, { targetPort: 5353 }),
          port("dns-sctp", 53, { protocol: "SCTP", targetPort: 5354 }),
        ],
      },
      ["10.180.0.1 here", "10.180.2.1 there"],
    ),
  ]);

  it.each([
    ["one endpoint", "10.180.0.2", "172.30.0.41:80", "10.180.0.1:80"],
    ["a pod that reaches itself", "10.180.0.1", "172.30.0.41:80", "10.180.0.1:80 masqueraded"],
    ["several endpoints", "10.180.0.2", "172.30.0.42:80", "10.180.0.1:80, 10.180.2.1:80"],
    ["a target port", "10.180.0.2", "172.30.0.42:443", "10.180.0.1:8443, 10.180.2.1:8443"],
    ["TCP beside UDP and SCTP", "10.180.0.2", "172.30.0.42:53/tcp", "10.180.0.1:5353, 10.180.2.1:5353"],
    ["UDP beside TCP and SCTP", "10.180.0.2", "172.30.0.42:53/udp", "10.180.0.1:53, 10.180.2.1:53"],
    ["SCTP beside TCP and UDP", "10.180.0.2", "172.30.0.42:53/sctp", "10.180.0.1:5354, 10.180.2.1:5354"],
    ["UDP to a port of TCP", "10.180.0.2", "172.30.0.42:80/udp", "ACCEPT"],
    ["SCTP to a port of TCP", "10.180.0.2", "172.30.0.42:80/sctp", "ACCEPT"],
    ["the port of another Service", "10.180.0.2", "172.30.0.41:443", "ACCEPT"],
    ["the node", "node", "172.30.0.42:80", "10.180.0.1:80, 10.180.2.1:80 masqueraded"],
    ["a client outside", "client", "172.30.0.42:53/sctp", "10.180.0.1:5354, 10.180.2.1:5354 masqueraded"],
  ])("%s", (_what, from, to, result) => {
    expect(send(from, to)).toBe(result);
  });

  it("masquerades the pod that reaches itself by chance, and only then", () => {
    const rules = rulesFor([
      serve("ns1/svc1", { clusterIP: "172.30.0.41" }, ["10.180.0.1", "10.180.0.2", "10.180.0.3"]),
    ]);
    const packet = { source: "10.180.0.2", destination: "172.30.0.41", port: 80, protocol: "tcp" };
    const { endpoints } = trace(rules, machine, packet);
    expect(endpoints).toEqual([
      { endpoint: "10.180.0.1:80", share: expect.closeTo(1 / 3, 8), masquerade: false },
      { endpoint: "10.180.0.2:80", share: expect.closeTo(1 / 3, 8), masquerade: true },
      { endpoint: "10.180.0.3:80", share: expect.closeTo(1 / 3, 8), masquerade: false },
    ]);
  });
});

it.each([1, 2, 3, 7, 100, 999])("spreads evenly over %i endpoints", (n) => {
  const ips = Array.from({ length: n }, (_, i) => `10.180.${Math.trunc(i / 250)}.${(i % 250) + 1}`);
  const rules = rulesFor([serve("ns1/svc1", { clusterIP: "172.30.0.41" }, ips)]);
  const packet = { source: "10.0.0.2", destination: "172.30.0.41", port: 80, protocol: "tcp" };
  const { endpoints } = trace(rules, machine, packet);
  expect(endpoints).toHaveLength(n);
  // The kernel draws out of 2^31.
  for (const { share } of endpoints) expect(share * n).toBeCloseTo(1, 4);
});

describe("session affinity", () => {
  const affinity = {
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  } as const;
  const spec = {
    type: "LoadBalancer",
    clusterIP: "172.30.0.41",
    ports: [port("p80", 80, { nodePort: 3001 })],
    ...affinity,
  };
  const send = cluster([serve("ns1/svc1", spec, ["10.180.0.1 here", "10.180.0.2 there"], ["1.2.3.4"])]);
  const known = (ip: string) => ({ known: chainName("KUBE-SEP-", `ns1/svc1:p80tcp${ip}:80`) });

  it.each([
    ["172.30.0.41:80", ""],
    ["1.2.3.4:80", " masqueraded"],
    ["node:3001", " masqueraded"],
  ])("keeps a known client of %s at its endpoint", (to, masqueraded) => {
    expect(send("pod", to)).toBe(`10.180.0.1:80, 10.180.0.2:80${masqueraded}`);
    expect(send("pod", to, known("10.180.0.1"))).toBe(`10.180.0.1:80${masqueraded}`);
    expect(send("pod", to, known("10.180.0.2"))).toBe(`10.180.0.2:80${masqueraded}`);
  });

  it("forgets an endpoint that is gone", () => {
    expect(send("pod", "172.30.0.41:80", known("10.180.0.3"))).toBe("10.180.0.1:80, 10.180.0.2:80");
  });

  it("does not lead a client to an endpoint that its policy excludes", () => {
    const own = { ...spec, externalTrafficPolicy: "Local" };
    const local = cluster([serve("ns1/svc1", own, ["10.180.0.1 here", "10.180.0.2 there"], ["1.2.3.4"])]);
    expect(local("client", "1.2.3.4:80", known("10.180.0.2"))).toBe("10.180.0.1:80");
    expect(local("client", "1.2.3.4:80", known("10.180.0.1"))).toBe("10.180.0.1:80");
  });
});
