import { describe, expect, it } from "vitest";
import { accountingNames } from "../../agent/plan/plan-config.ts";
import { port } from "../../model/testing/objects.ts";
import { type Cidr, type Family, parseCidr, withPort } from "../../net/index.ts";
import { type Packet, trace } from "../index.ts";
import { cluster, machine, rulesFor, serve, type World } from "../testing/scenario.ts";

const spec = { type: "NodePort", ports: [port("p80", 80, { nodePort: 3001 })] };
const addresses = {
  IPv4: { clusterIP: "172.30.0.41", endpoints: ["10.180.0.1", "10.180.2.1 here"] },
  IPv6: { clusterIP: "fd00:172:30::41", endpoints: ["fd00:10:180::1", "fd00:10:180::2:1 here"] },
} as const;
const served = (family: Family) => {
  const { clusterIP, endpoints } = addresses[family];
  return [serve("ns1/svc1", { ...spec, clusterIP }, endpoints)];
};
const endpointsOf = (family: Family): string =>
  addresses[family].endpoints.map((text) => withPort(text.split(" ")[0]!, 80)).join(", ");

function prefixes(...texts: string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** Whether NodePorts answer on the node's second address, and to itself on loopback. */
interface Answers {
  readonly second: boolean;
  readonly loopback: boolean;
  /** By default they answer there. */
  readonly first?: boolean;
}

const three = prefixes("192.168.0.0/24", "192.168.1.0/24", "2001:db8::/64");
const on = { localhostNodePorts: true };

describe.each<[string, Family, World, Answers]>([
  ["IPv4", "IPv4", {}, { second: true, loopback: false }],
  ["IPv4, localhost on", "IPv4", on, { second: true, loopback: true }],
  [
    "IPv4, loopback among the prefixes, localhost off",
    "IPv4",
    { nodePortAddresses: prefixes("192.168.0.0/24", "127.0.0.1/32") },
    { second: false, loopback: false },
  ],
  [
    "IPv4, loopback among the prefixes, localhost on",
    "IPv4",
    { ...on, nodePortAddresses: prefixes("192.168.0.0/24", "127.0.0.1/32") },
    { second: false, loopback: true },
  ],
  ["IPv4, several prefixes", "IPv4", { nodePortAddresses: three }, { second: true, loopback: false }],
  [
    "IPv4, several prefixes without loopback, localhost on",
    "IPv4",
    { ...on, nodePortAddresses: three },
    { second: true, loopback: false },
  ],
  ["IPv4, primary", "IPv4", { nodePortAddresses: "primary" }, { second: false, loopback: false }],
  ["IPv4, primary, localhost on", "IPv4", { ...on, nodePortAddresses: "primary" }, { second: false, loopback: false }],
  [
    "IPv4, prefixes of IPv6 alone",
    "IPv4",
    { nodePortAddresses: prefixes("2001:db8::/64") },
    { second: true, loopback: false },
  ],
  [
    "IPv4, everything among the prefixes",
    "IPv4",
    { nodePortAddresses: prefixes("192.168.0.0/24", "0.0.0.0/0") },
    { second: true, loopback: false },
  ],
  [
    "IPv4, a prefix without an address of the node",
    "IPv4",
    { nodePortAddresses: prefixes("10.99.0.0/16") },
    { first: false, second: false, loopback: false },
  ],
  ["IPv6", "IPv6", {}, { second: true, loopback: false }],
  ["IPv6, localhost on", "IPv6", on, { second: true, loopback: false }],
  ["IPv6, several prefixes", "IPv6", { nodePortAddresses: three }, { second: false, loopback: false }],
  [
    "IPv6, loopback among the prefixes, localhost on",
    "IPv6",
    { ...on, nodePortAddresses: prefixes("2001:db8::/64", "::1/128") },
    { second: false, loopback: false },
  ],
])("%s", (_what, family, world, { first = true, second, loopback }) => {
  const send = cluster(served(family), { ...world, family });
  const ends = endpointsOf(family);
  const { clusterIP } = addresses[family];

  it.each([
    ["pod", withPort(clusterIP, 80), ends],
    ["client", "node:3001", first ? `${ends} masqueraded` : "ACCEPT"],
    ["node", "node:3001", first ? `${ends} masqueraded` : "ACCEPT"],
    ["pod", "node:3001", first ? `${ends} masqueraded` : "ACCEPT"],
    ["localhost", "localhost:3001", loopback ? `${ends} masqueraded` : "ACCEPT"],
    ["client", "second address:3001", second ? `${ends} masqueraded` : "ACCEPT"],
    ["node", "second address:3001", second ? `${ends} masqueraded` : "ACCEPT"],
    ["client", "node:3002", "ACCEPT"],
    ["client", "node:3001/udp", "ACCEPT"],
  ])("%s to %s", (from, to, result) => {
    expect(send(from, to)).toBe(result);
  });
});

describe("martians to loopback", () => {
  const martian = ["client via eth0", "localhost:10250"] as const;

  it("meet a DROP when the kernel routes loopback for NodePorts", () => {
    const send = cluster(served("IPv4"), on);
    expect(send(...martian)).toBe("DROP");
    expect(send("localhost", "localhost:10250")).toBe("ACCEPT");
    // What came to loopback by a NodePort is let through: it was translated.
    expect(send("client via eth0", "localhost:3001")).toBe(`${endpointsOf("IPv4")} masqueraded`);
  });

  it("are the kernel's own business otherwise", () => {
    expect(cluster(served("IPv4"))(...martian)).toBe("ACCEPT");
  });
});

it("counts what came by loopback, without changing where it goes", () => {
  const world = { ...on, accounting: new Set<Family>(["IPv4"]) };
  const rules = rulesFor(served("IPv4"), world);
  const packet = { source: "127.0.0.1", destination: "127.0.0.1", protocol: "tcp", port: 3001 };
  const { outcomes } = trace(rules, machine, packet);
  for (const { rules: passed } of outcomes)
    expect(passed.some(({ text }) => text.includes(accountingNames.localhostNodePorts))).toBe(true);
  expect(cluster(served("IPv4"), world)("localhost", "localhost:3001")).toBe(`${endpointsOf("IPv4")} masqueraded`);
});

it.each([0, 5, 14, 15, 31])("masquerades by any bit of the mark, such as %i, and takes it off", (masqueradeBit) => {
  const rules = rulesFor(served("IPv4"), { masqueradeBit });
  const nodePort = { destination: "192.168.0.2", port: 3001, protocol: "tcp", source: "203.0.113.2" };
  const clusterIp = { destination: "172.30.0.41", port: 80, protocol: "tcp", source: "10.0.0.2" };
  const fate = (packet: Packet) =>
    trace(rules, machine, packet).outcomes.map(({ translated, masquerade, mark }) => [translated, masquerade, mark]);
  expect(fate(nodePort)).toEqual([1, 2].map(() => [true, true, 0]));
  expect(fate(clusterIp)).toEqual([1, 2].map(() => [true, false, 0]));
});
