import { describe, expect, it } from "vitest";
import type { LocalTrafficDetector } from "../../agent/node-facts.ts";
import { port } from "../../model/testing/objects.ts";
import { cluster, serve } from "../testing/scenario.ts";

function balanced(n: number, vip: string, policies: object) {
  const spec = {
    type: "LoadBalancer",
    clusterIP: `172.30.0.4${n}`,
    ports: [port("p80", 80, { nodePort: 3000 + n })],
    healthCheckNodePort: 30000 + n,
    ...policies,
  };
  return serve(`ns${n}/svc${n}`, spec, [`10.180.0.${n} here`, `10.180.1.${n} there`], [vip]);
}

const services = [
  balanced(1, "1.2.3.4", {}),
  balanced(2, "5.6.7.8", { externalTrafficPolicy: "Local" }),
  balanced(3, "9.10.11.12", { internalTrafficPolicy: "Local" }),
];

const both = (n: number): string => `10.180.0.${n}:80, 10.180.1.${n}:80`;
const masq = " masqueraded";

/**
 * Each packet with what becomes of it: as a rule, without a detector of pods, with all of ClusterIPs masqueraded, and
 * with neither detector nor exception. One text says that all four are the same.
 */
type Row = readonly [from: string, to: string, base: string, noDetector?: string, all?: string, allNoDetector?: string];

const rows: readonly Row[] = [
  // Without a detector whoever sends to a ClusterIP counts as a pod.
  ["pod", "172.30.0.41:80", both(1), both(1), both(1) + masq, both(1) + masq],
  ["node", "172.30.0.41:80", both(1) + masq, both(1), both(1) + masq, both(1) + masq],
  ["client", "172.30.0.41:80", both(1) + masq, both(1), both(1) + masq, both(1) + masq],
  ["pod", "node:3001", both(1) + masq],
  ["node", "node:3001", both(1) + masq],
  ["localhost", "localhost:3001", both(1) + masq],
  ["client", "node:3001", both(1) + masq],
  ["pod", "1.2.3.4:80", both(1) + masq],
  ["node", "1.2.3.4:80", both(1) + masq],
  ["client", "1.2.3.4:80", both(1) + masq],

  // External policy Local is nothing to ClusterIPs.
  ["pod", "172.30.0.42:80", both(2), both(2), both(2) + masq, both(2) + masq],
  ["node", "172.30.0.42:80", both(2) + masq, both(2), both(2) + masq, both(2) + masq],
  ["client", "172.30.0.42:80", both(2) + masq, both(2), both(2) + masq, both(2) + masq],
  // Pods go round, if they can be told from others; nobody masquerades but the node itself.
  ["pod", "node:3002", both(2), "10.180.0.2:80", both(2), "10.180.0.2:80"],
  ["node", "node:3002", both(2) + masq],
  ["localhost", "localhost:3002", both(2) + masq],
  ["client", "node:3002", "10.180.0.2:80"],
  ["pod", "5.6.7.8:80", both(2), "10.180.0.2:80", both(2), "10.180.0.2:80"],
  ["node", "5.6.7.8:80", both(2) + masq],
  ["client", "5.6.7.8:80", "10.180.0.2:80"],

  // Internal policy Local is nothing to all but ClusterIPs, and nothing to masquerading.
  ["pod", "172.30.0.43:80", "10.180.0.3:80", "10.180.0.3:80", `10.180.0.3:80${masq}`, `10.180.0.3:80${masq}`],
  ["node", "172.30.0.43:80", `10.180.0.3:80${masq}`, "10.180.0.3:80", `10.180.0.3:80${masq}`, `10.180.0.3:80${masq}`],
  ["client", "172.30.0.43:80", `10.180.0.3:80${masq}`, "10.180.0.3:80", `10.180.0.3:80${masq}`, `10.180.0.3:80${masq}`],
  ["pod", "node:3003", both(3) + masq],
  ["node", "node:3003", both(3) + masq],
  ["localhost", "localhost:3003", both(3) + masq],
  ["client", "node:3003", both(3) + masq],
  ["pod", "9.10.11.12:80", both(3) + masq],
  ["node", "9.10.11.12:80", both(3) + masq],
  ["client", "9.10.11.12:80", both(3) + masq],
];

const noDetector: LocalTrafficDetector = { mode: "ClusterCIDR", cidrs: new Map() };
const worlds = {
  base: {},
  "no detector": { localTraffic: noDetector },
  "all masqueraded": { masqueradeAll: true },
  "all masqueraded, no detector": { masqueradeAll: true, localTraffic: noDetector },
};

describe.each(Object.entries(worlds))("%s", (name, world) => {
  const send = cluster(services, { ...world, localhostNodePorts: true });
  const index = Object.keys(worlds).indexOf(name);

  const cases = rows.map(([from, to, ...results]) => ({ from, to, result: results[index] ?? results[0] }));

  it.each(cases)("$from to $to", ({ from, to, result }) => {
    expect(send(from, to)).toBe(result);
  });
});

it("has a whole row for each packet", () => {
  expect(rows.map(({ length }) => length).filter((length) => length !== 3 && length !== 6)).toEqual([]);
  expect(rows.length * Object.keys(worlds).length).toBe(120);
});

describe.each<[string, LocalTrafficDetector, string, string]>([
  [
    "prefix of the cluster",
    { mode: "ClusterCIDR", cidrs: new Map([["IPv4", "10.0.0.0/8"]]) },
    "pod via x",
    "client via x",
  ],
  ["prefix of the node", { mode: "NodeCIDR" }, "10.1.1.9 via x", "10.1.2.9 via x"],
  ["bridge", { mode: "BridgeInterface", name: "cbr0" }, "pod via cbr0", "pod via cbr01"],
  ["prefix of interfaces", { mode: "InterfaceNamePrefix", prefix: "veth" }, "pod via veth12", "pod via eth0"],
])("pods told by the %s", (_what, localTraffic, insider, outsider) => {
  const send = cluster(services, { localTraffic, podCidrs: ["10.1.1.0/24"] });

  it("keep their address at ClusterIPs, and go round external policy Local", () => {
    expect(send(insider, "172.30.0.41:80")).toBe(both(1));
    expect(send(insider, "5.6.7.8:80")).toBe(both(2));
    expect(send(insider, "node:3002")).toBe(both(2));
  });

  it("leave others masqueraded, and with the endpoints here", () => {
    expect(send(outsider, "172.30.0.41:80")).toBe(both(1) + masq);
    expect(send(outsider, "5.6.7.8:80")).toBe("10.180.0.2:80");
    expect(send("node", "172.30.0.41:80")).toBe(both(1) + masq);
  });
});
