import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { RuleApplier } from "../agent/apply/index.ts";
import { chainName } from "../agent/plan/names.ts";
import { type Member, Network } from "../agent/testing/network.ts";
import {
  execOk,
  flavouredExec,
  Iptables,
  ipBatch,
  listRoutes,
  parseIptablesSave,
  routeDevice,
} from "../kernel/index.ts";
import { flavours, host } from "../kernel/testing/machine.ts";
import { port } from "../model/testing/objects.ts";
import type { Family } from "../net/index.ts";
import { compileRules, type TracedNode, trace } from "./index.ts";
import { programFor, serve } from "./testing/scenario.ts";

// The kernel counts for every rule how many packets it matched. After one datagram those with a packet must be the
// rules that the tracer says the datagram passes. Datagrams end at an address behind the bridge where nobody answers,
// or at the policy of INPUT: an answer would be counted as well.
const signal = AbortSignal.timeout(60_000);
const network = new Network(host);
const inside = network.exec("node");
const nobody = "10.244.1.9";
const nobodysMac = "02:00:00:00:00:09";
let node: TracedNode;

beforeAll(async () => {
  await network.create(signal);
  // The kernel's own reports of multicast groups would count.
  await execOk(inside, "sysctl", ["-qw", "net.ipv4.igmp_link_local_mcast_reports=0"], { signal });
  await ipBatch(inside, [`neigh add ${nobody} lladdr ${nobodysMac} dev br0`], { signal });
  // Otherwise the bridge sends it to all of its ports, and with br_netfilter each copy passes the rules.
  await execOk(inside, "bridge", ["fdb", "add", nobodysMac, "dev", "pod-2", "master", "static"], { signal });
  const routes = await listRoutes(inside, "IPv4", { signal });
  node = {
    addresses: ["10.244.1.1", "192.0.2.1", "192.0.2.9", "10.244.2.1"],
    interfaceTo: (address) => routeDevice(routes, address),
  };
});
afterAll(() => network[Symbol.asyncDispose]());

async function send(member: Member, source: string, to: string, number: number): Promise<void> {
  const script = `const socket = require("node:dgram").createSocket("udp4");
    socket.bind(0, ${JSON.stringify(source)}, () => socket.send("x", ${number}, ${JSON.stringify(to)}, () => socket.close()));`;
  await execOk(network.exec(member), process.execPath, ["-e", script], { signal });
}

/** Packets that each rule has matched, by `table CHAIN number`. */
function counters(saved: string): ReadonlyMap<string, number> {
  let table = "";
  const numbers = new Map<string, number>();
  const packets = new Map<string, number>();
  for (const line of saved.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    const [, count, chain = ""] = /^\[(\d+):\d+\] -A (\S+)/.exec(line) ?? [];
    if (count === undefined) continue;
    const number = (numbers.get(`${table} ${chain}`) ?? 0) + 1;
    numbers.set(`${table} ${chain}`, number);
    packets.set(`${table} ${chain} ${number}`, Number(count));
  }
  return packets;
}

interface Sender {
  readonly member: Member;
  readonly source: string;
  readonly interface?: string;
}

const client: Sender = { member: "client", source: "192.0.2.2", interface: "client" };
const pod: Sender = { member: "pod-1", source: "10.244.1.2", interface: "br0" };
const own: Sender = { member: "node", source: "10.244.1.1" };
const front: Sender = { member: "node", source: "192.0.2.1" };
const loopback: Sender = { member: "node", source: "127.0.0.1" };

describe.each(flavours)("iptables-%s", (flavour) => {
  const exec = flavouredExec(inside, flavour);
  const save = () => execOk(exec, "iptables-save", ["-c"], { signal });

  /** What the tracer says the datagram passes, and what the kernel counted. */
  async function compare(from: Sender, destination: string, number: number, known?: string) {
    const before = await save();
    const packet = { ...from, destination, port: number, protocol: "udp" };
    const { outcomes } = trace(compileRules(parseIptablesSave(before)), node, packet, known ? { known } : {});
    expect(outcomes).toHaveLength(1);
    const passed = outcomes[0]!.rules.map(({ table, chain, number: n }) => `${table} ${chain} ${n}`);
    await send(from.member, from.source, destination, number);
    const counted = counters(before);
    const matched = [...counters(await save())].filter(([rule, packets]) => packets > (counted.get(rule) ?? 0));
    expect(matched.map(([rule]) => rule).sort()).toEqual([...new Set(passed)].sort());
    return outcomes[0]!;
  }

  // What the other tool wrote would count as well.
  afterEach(async () => {
    for (const table of ["raw", "mangle", "nat", "filter"])
      for (const flag of ["-F", "-X"]) await execOk(inside, `iptables-${flavour}`, ["-t", table, flag], { signal });
  });

  it("passes the hooks, tables and interfaces that the tracer says", async () => {
    const udp = "-p udp -m udp --dport";
    const rules = [
      "*raw",
      ...["PREROUTING", "OUTPUT"].map((hook) => `-A ${hook} -p udp`),
      `-A PREROUTING ${udp} 7 -j CT --notrack`,
      "COMMIT",
      "*mangle",
      ...["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"].map((hook) => `-A ${hook} -p udp`),
      "-A PREROUTING -p udp -i lo",
      "-A PREROUTING -p udp -m addrtype --src-type LOCAL",
      "-A OUTPUT -p udp -j MARK --or-mark 0x20",
      "-A INPUT -p udp -m mark --mark 0x20/0x20",
      "COMMIT",
      "*nat",
      ":TO - [0:0]",
      ":MORE - [0:0]",
      ...["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"].map((hook) => `-A ${hook} -p udp`),
      ...["PREROUTING", "OUTPUT"].map((hook) => `-A ${hook} -j TO`),
      "-A TO -g MORE",
      "-A TO -p udp",
      `-A MORE -d 10.96.0.1/32 ${udp} 53 -j DNAT --to-destination ${nobody}:5353`,
      `-A MORE -d 10.96.0.2/32 ${udp} 53 -j DNAT --to-destination 192.0.2.1:5353`,
      `-A MORE -d 10.96.0.3/32 ${udp} 53 -j REDIRECT --to-ports 5353`,
      "-A MORE -d 10.96.0.0/16 -j RETURN",
      "-A MORE -p udp",
      `-A POSTROUTING -d ${nobody}/32 -p udp -j MASQUERADE`,
      "-A POSTROUTING -p udp -o lo -j MASQUERADE",
      "COMMIT",
      "*filter",
      ":INPUT DROP [0:0]",
      ...["INPUT", "FORWARD", "OUTPUT"].flatMap((hook) => [
        `-A ${hook} -p udp -m conntrack --ctstate DNAT`,
        `-A ${hook} -p udp -m conntrack --ctstate SNAT`,
        `-A ${hook} -p udp -m conntrack --ctstate NEW`,
        `-A ${hook} -p udp -m conntrack --ctstate UNTRACKED`,
        `-A ${hook} -p udp -m conntrack --ctorigdst 10.96.0.0/16 --ctorigdstport 53`,
        `-A ${hook} -p udp -s 127.0.0.0/8`,
      ]),
      ...["br0", "client", "lo"].flatMap((name) => [
        `-A FORWARD -p udp -i ${name}`,
        `-A FORWARD -p udp -o ${name}`,
        `-A INPUT -p udp -i ${name}`,
        `-A OUTPUT -p udp -o ${name}`,
      ]),
      "-A OUTPUT -p udp -j ACCEPT",
      "COMMIT",
      "",
    ];
    await new Iptables(exec, "IPv4").restore(rules.join("\n"), signal);
    const packets: [Sender, string, number][] = [
      [client, "10.96.0.1", 53],
      [client, "10.96.0.2", 53],
      [client, "10.96.0.3", 53],
      [client, "192.0.2.1", 7],
      [pod, "10.96.0.1", 53],
      [pod, "192.0.2.1", 53],
      [own, "10.96.0.1", 53],
      [own, "10.96.0.2", 53],
      [own, "10.96.0.3", 53],
      [own, "192.0.2.1", 1],
      [own, nobody, 1],
      [loopback, "127.0.0.1", 1],
    ];
    for (const [from, to, number] of packets) await compare(from, to, number);
  });

  it("passes the rules of Services that the tracer says", async () => {
    const ports = [port("p53", 53, { protocol: "UDP", nodePort: 30053 })];
    const spec = { type: "LoadBalancer", ports, loadBalancerSourceRanges: ["192.0.2.0/30"] };
    const local = { externalTrafficPolicy: "Local" };
    const sticky = { sessionAffinity: "ClientIP" };
    const served = [
      serve("ns/web", { ...spec, clusterIP: "10.96.0.1", ...sticky }, [`${nobody} here`], ["198.51.100.1"]),
      serve(
        "ns/local",
        { ...spec, ...local, clusterIP: "10.96.0.3", ports: [port("p53", 53, { protocol: "UDP", nodePort: 30054 })] },
        [`${nobody} there`],
        ["198.51.100.3"],
      ),
    ];
    const localTraffic = { mode: "ClusterCIDR", cidrs: new Map<Family, string>([["IPv4", "10.244.0.0/16"]]) } as const;
    await new RuleApplier(new Iptables(exec, "IPv4")).apply(programFor(served, { localTraffic }), signal);
    // Who was seen before is on the list of the endpoint.
    const known = chainName("KUBE-SEP-", `ns/web:p53udp${nobody}:53`);
    const results = [
      await compare(client, "192.0.2.1", 30053),
      await compare(client, "198.51.100.1", 53, known),
      await compare(pod, "10.96.0.1", 53),
      await compare(pod, "10.96.0.1", 53, known),
      await compare(front, "10.96.0.1", 53),
      await compare(front, "192.0.2.1", 30053, known),
      await compare(client, "198.51.100.3", 53),
      await compare(pod, "198.51.100.1", 53),
    ];
    expect(results.map(({ destination, verdict, masquerade }) => [destination, verdict, masquerade])).toEqual([
      [`${nobody}:53`, "ACCEPT", true],
      [`${nobody}:53`, "ACCEPT", true],
      [`${nobody}:53`, "ACCEPT", false],
      [`${nobody}:53`, "ACCEPT", false],
      [`${nobody}:53`, "ACCEPT", true],
      [`${nobody}:53`, "ACCEPT", true],
      ["198.51.100.3:53", "DROP", false],
      ["198.51.100.1:53", "DROP", false],
    ]);
  });
});
