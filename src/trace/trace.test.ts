import { expect, it } from "vitest";
import { parseIptablesSave } from "../kernel/index.ts";
import { type CompiledRules, compileRules, TraceError, trace } from "./index.ts";
import { machine, send } from "./testing/scenario.ts";

/** `table CHAIN [POLICY]: rule; rule` a line, as `iptables-save` would print it. */
function rules(...lines: string[]): CompiledRules {
  const tables = new Map<string, string[]>();
  for (const line of lines) {
    const [, table = "", chain = "", policy = "-", list = ""] =
      /^(\S+) (\S+?)(?: (ACCEPT|DROP))?: ?(.*)$/.exec(line) ?? [];
    const text = list === "" ? [] : list.split("; ").map((rule) => `-A ${chain} ${rule}`);
    tables.set(table, [...(tables.get(table) ?? []), `:${chain} ${policy} [0:0]`, ...text]);
  }
  return compileRules(parseIptablesSave([...tables].map(([t, l]) => [`*${t}`, ...l, "COMMIT\n"].join("\n")).join("")));
}

const dnat = (to: string): string => `-p tcp -j DNAT --to-destination ${to}`;

it.each<[string, string[], string, string, string]>([
  ["no rules", [], "client", "1.1.1.1:80", "ACCEPT"],
  ["a policy", ["filter FORWARD DROP:"], "client", "1.1.1.1:80", "DROP"],
  [
    "a user chain that falls through",
    ["filter FORWARD DROP: -j A; -j ACCEPT", "filter A: -s 9.9.9.9 -j DROP"],
    "client",
    "1.1.1.1:80",
    "ACCEPT",
  ],
  [
    "RETURN",
    ["filter FORWARD DROP: -j A; -j ACCEPT", "filter A: -j RETURN; -j REJECT"],
    "client",
    "1.1.1.1:80",
    "ACCEPT",
  ],
  ["RETURN in a built-in chain", ["filter FORWARD DROP: -j RETURN; -j ACCEPT"], "client", "1.1.1.1:80", "DROP"],
  [
    "goto leaves the chain",
    ["filter FORWARD: -j A; -j DROP", "filter A: -g B; -j ACCEPT", "filter B: -s 9.9.9.9 -j ACCEPT"],
    "client",
    "1.1.1.1:80",
    "DROP",
  ],
  ["goto in a built-in chain", ["filter FORWARD DROP: -g B; -j ACCEPT", "filter B:"], "client", "1.1.1.1:80", "DROP"],
  [
    "ACCEPT ends only its table",
    ["mangle FORWARD ACCEPT: -j ACCEPT", "filter FORWARD ACCEPT: -j REJECT"],
    "client",
    "1.1.1.1:80",
    "REJECT",
  ],
  ["a port range", ["filter FORWARD ACCEPT: -p tcp -m tcp --dport 80:90 -j DROP"], "client", "1.1.1.1:85", "DROP"],
  ["another protocol", ["filter FORWARD ACCEPT: -p udp -m udp --dport 80 -j DROP"], "client", "1.1.1.1:80", "ACCEPT"],
  [
    "several ports",
    ["filter FORWARD ACCEPT: -p tcp -m multiport --dports 22,80 -j DROP"],
    "client",
    "1.1.1.1:80",
    "DROP",
  ],
  [
    "SYN",
    ["filter FORWARD ACCEPT: -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"],
    "client",
    "1.1.1.1:80",
    "DROP",
  ],
  [
    "an address range",
    ["filter FORWARD ACCEPT: -m iprange --dst-range 1.1.1.0-1.1.1.9 -j DROP"],
    "client",
    "1.1.1.1:80",
    "DROP",
  ],
  [
    "addrtype",
    ["nat PREROUTING ACCEPT: -m addrtype --dst-type LOCAL " + dnat("10.1.1.1:1")],
    "client",
    "192.168.0.2:80",
    "10.1.1.1:1",
  ],
  [
    "addrtype, all of loopback",
    ["nat OUTPUT ACCEPT: -m addrtype ! --src-type LOCAL -j ACCEPT; " + dnat("10.1.1.1:1")],
    "127.8.8.8",
    "127.9.9.9:80",
    "10.1.1.1:1",
  ],
  [
    "addrtype of other kinds",
    ["filter FORWARD ACCEPT: -m addrtype --dst-type MULTICAST,BROADCAST -j DROP"],
    "client",
    "224.0.0.1:80",
    "DROP",
  ],
  ["an input interface", ["filter FORWARD ACCEPT: -i cni+ -j DROP"], "client via cni0", "1.1.1.1:80", "DROP"],
  [
    "an input interface of the node's own packet",
    ["nat OUTPUT ACCEPT: -j A", "nat A: ! -i eth0 " + dnat("10.1.1.1:1")],
    "node",
    "1.1.1.1:80",
    "10.1.1.1:1",
  ],
  [
    "routing behind nat",
    [
      "nat PREROUTING ACCEPT: " + dnat("10.1.1.1:1"),
      "filter INPUT DROP:",
      "filter FORWARD ACCEPT: -d 10.1.1.1/32 -j REJECT",
    ],
    "client",
    "192.168.0.2:80",
    "REJECT",
  ],
  [
    "a packet to the node itself passes OUTPUT",
    ["filter OUTPUT ACCEPT: -j REJECT"],
    "node",
    "192.168.0.2:80",
    "REJECT",
  ],
  ["and then INPUT", ["filter INPUT ACCEPT: -i lo -j REJECT"], "node", "192.168.1.2:80", "REJECT"],
  ["but not PREROUTING's nat", ["nat PREROUTING ACCEPT: " + dnat("10.1.1.1:1")], "node", "192.168.0.2:80", "ACCEPT"],
  [
    "a packet that says to come from the node",
    ["filter INPUT ACCEPT: -j REJECT"],
    "node via eth0",
    "192.168.0.2:80",
    "REJECT",
  ],
  [
    "what INPUT gets is not masqueraded",
    ["nat PREROUTING ACCEPT: " + dnat("192.168.0.2:1"), "nat POSTROUTING ACCEPT: -j MASQUERADE"],
    "client",
    "1.1.1.1:80",
    "192.168.0.2:1",
  ],
  [
    "what the node sends itself is",
    ["nat OUTPUT ACCEPT: " + dnat("192.168.0.2:1"), "nat POSTROUTING ACCEPT: -j MASQUERADE"],
    "node",
    "1.1.1.1:80",
    "192.168.0.2:1 masqueraded",
  ],
  ["SNAT", ["nat POSTROUTING ACCEPT: -j SNAT --to-source 1.2.3.4"], "pod", "1.1.1.1:80", "ACCEPT masqueraded"],
  ["DNAT without a port", ["nat PREROUTING ACCEPT: " + dnat("10.1.1.1")], "pod", "1.1.1.1:80", "10.1.1.1:80"],
  ["DNAT of the port alone", ["nat PREROUTING ACCEPT: " + dnat(":81")], "pod", "1.1.1.1:80", "1.1.1.1:81"],
  ["DNAT for IPv6", ["nat PREROUTING ACCEPT: " + dnat("[fd00::1]:81")], "fd00::9", "[fd00::2]:80", "[fd00::1]:81"],
  ["REDIRECT", ["nat PREROUTING ACCEPT: -p tcp -j REDIRECT --to-ports 81"], "pod", "1.1.1.1:80", "192.168.0.2:81"],
  [
    "REDIRECT on the node",
    ["nat OUTPUT ACCEPT: -p tcp -j REDIRECT --to-ports 81"],
    "node",
    "1.1.1.1:80",
    "127.0.0.1:81",
  ],
  [
    "state NEW",
    ["filter FORWARD ACCEPT: -m conntrack --ctstate RELATED,ESTABLISHED -j DROP; -m conntrack --ctstate NEW -j REJECT"],
    "pod",
    "1.1.1.1:80",
    "REJECT",
  ],
  [
    "state DNAT",
    [
      "nat PREROUTING ACCEPT: -d 1.1.1.1/32 " + dnat("1.1.1.2:1"),
      "filter FORWARD ACCEPT: -m conntrack ! --ctstate DNAT -j DROP",
    ],
    "pod",
    "1.1.1.1:80",
    "1.1.1.2:1",
  ],
  [
    "the original destination",
    [
      "nat PREROUTING ACCEPT: " + dnat("1.1.1.2:1"),
      "filter FORWARD ACCEPT: -m conntrack --ctorigdst 1.1.1.1/32 --ctorigdstport 80 --ctdir ORIGINAL -j DROP",
    ],
    "pod",
    "1.1.1.1:80",
    "DROP",
  ],
  [
    "no tracking, no nat",
    [
      "raw PREROUTING ACCEPT: -j CT --notrack",
      "nat PREROUTING ACCEPT: " + dnat("1.1.1.2:1"),
      "filter FORWARD ACCEPT: -m conntrack --ctstate UNTRACKED -j DROP",
    ],
    "pod",
    "1.1.1.1:80",
    "DROP",
  ],
  ["an accounting rule", ["filter FORWARD ACCEPT: -m nfacct --nfacct-name x -j DROP"], "pod", "1.1.1.1:80", "DROP"],
  [
    "a log line that depends on what is not known",
    ["filter FORWARD ACCEPT: -m limit --limit 3/min -j LOG; -j DROP"],
    "pod",
    "1.1.1.1:80",
    "DROP",
  ],
  [
    "an unknown match of a rule that does not hold anyway",
    ["filter FORWARD ACCEPT: -s 9.9.9.9/32 -m set --match-set x src -j DROP"],
    "pod",
    "1.1.1.1:80",
    "ACCEPT",
  ],
  [
    "half of them",
    ["filter FORWARD ACCEPT: -m statistic --mode random --probability 0.5 -j DROP"],
    "pod",
    "1.1.1.1:80",
    "ACCEPT, DROP",
  ],
  [
    "each second of them",
    ["filter FORWARD ACCEPT: -m statistic --mode nth --every 2 --packet 0 -j DROP"],
    "pod",
    "1.1.1.1:80",
    "ACCEPT, DROP",
  ],
])("%s", (_what, lines, from, to, result) => {
  expect(send(rules(...lines), from, to)).toBe(result);
});

/** kube-proxy's mark, for another bit, among marks of others. */
const masquerade = (consumer: string): CompiledRules =>
  rules(
    "mangle PREROUTING ACCEPT: -j MARK --set-xmark 0x10/0xff",
    "nat PREROUTING ACCEPT: -j MARK --set-xmark 0x20000/0x20000; -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff",
    `nat POSTROUTING ACCEPT: ${consumer}`,
  );

it.each([
  ["-m mark ! --mark 0x20000/0x20000 -j RETURN; -j MARK --xor-mark 0x20000; -m mark --mark 0x10 -j MASQUERADE", true],
  ["-m mark --mark 0x4000/0x4000 -j MASQUERADE", false],
  ["-m mark --mark 0x20010 -j MASQUERADE", true],
  ["-m connmark --mark 0x10 -j MASQUERADE", true],
  ["-j MARK --and-mark 0xf; -m mark ! --mark 0 -j MASQUERADE", false],
  ["-j MARK --set-mark 0x80000000; -m mark --mark 0x80000000/0xc0000000 -j MASQUERADE", true],
  ["-j MARK --set-mark 0; -j CONNMARK --restore-mark; -m mark --mark 0x10 -j MASQUERADE", true],
])("computes marks: %s", (consumer, masqueraded) => {
  expect(send(masquerade(consumer), "client", "1.1.1.1:80")).toBe(masqueraded ? "ACCEPT masqueraded" : "ACCEPT");
});

const packet = { source: "10.0.0.2", destination: "172.30.0.1", protocol: "tcp", port: 80 };
const unsure = "filter KUBE-FORWARD: -m set --match-set x src -j DROP";

it.each<[string, string[], string]>([
  [
    "a match",
    ["filter FORWARD ACCEPT: -m owner --uid-owner 0 -j DROP"],
    'filter FORWARD rule 1 (-m owner --uid-owner 0 -j DROP): what "owner" matches is not known',
  ],
  [
    "a target",
    ["filter FORWARD ACCEPT: -j ACCEPT", "mangle PREROUTING ACCEPT: -p tcp -j TPROXY --on-port 1"],
    'mangle PREROUTING rule 1 (-p tcp -j TPROXY --on-port 1): "TPROXY" is neither a chain of its table nor a known target',
  ],
  [
    "a chain",
    ["filter FORWARD ACCEPT: -s 9.9.9.9/32 -j DROP; -j GONE", "nat GONE:"],
    'filter FORWARD rule 2 (-j GONE): "GONE" is neither a chain of its table nor a known target',
  ],
  [
    "where a range leads",
    ["nat PREROUTING ACCEPT: -p tcp -j DNAT --to-destination 1.1.1.1-1.1.1.9"],
    'where DNAT to "1.1.1.1-1.1.1.9" leads is not known',
  ],
  [
    "the input interface",
    ["filter FORWARD ACCEPT: -i eth0 -j DROP"],
    "filter FORWARD rule 1 (-i eth0 -j DROP): the interface through which the packet arrives is not known",
  ],
  [
    "the output interface",
    ["filter FORWARD ACCEPT: -o eth0 -j DROP"],
    "the interface through which the packet leaves is not known",
  ],
  [
    "the source port",
    ["filter FORWARD ACCEPT: -p tcp -m tcp --sport 1 -j DROP"],
    "the packet's source port is not known",
  ],
  [
    "how often",
    ["filter FORWARD ACCEPT: -m recent --rcheck --hitcount 3 --name x -j DROP"],
    "how often the source was seen by list x is not known",
  ],
  [
    "a circle",
    ["filter FORWARD ACCEPT: -j A", "filter A: -g B", "filter B: -j A"],
    "filter B rule 1 (-j A): the chains jump in a circle",
  ],
])("names the rule when it does not know %s", (_what, lines, message) => {
  const run = () => trace(rules(...lines), machine, packet, { known: "x" });
  expect(run).toThrow(TraceError);
  expect(run).toThrow(message);
});

it("leaves out what others wrote if told so, and says which rules", () => {
  const lines = ["filter FORWARD ACCEPT: -m owner --uid-owner 0 -j DROP; -j REJECT"];
  const { skipped, outcomes } = trace(rules(...lines), machine, packet, { skipForeign: true });
  expect(skipped).toEqual([{ table: "filter", chain: "FORWARD", number: 1, text: "-m owner --uid-owner 0 -j DROP" }]);
  expect(outcomes).toMatchObject([{ verdict: "REJECT", decidedBy: { number: 2 } }]);
  expect(() =>
    trace(rules("filter FORWARD ACCEPT: -j KUBE-FORWARD", unsure), machine, packet, { skipForeign: true }),
  ).toThrow("filter KUBE-FORWARD rule 1");
});

it("knows chains of every service proxy that has left its canary, whatever their names begin with", () => {
  const chain = "filter BERTH-FORWARD: -m set --match-set x src -j DROP";
  const run = (...more: readonly string[]) =>
    trace(rules("filter FORWARD ACCEPT: -j BERTH-FORWARD", chain, ...more), machine, packet, { skipForeign: true });
  expect(run().skipped).toHaveLength(1);
  expect(() => run("mangle BERTH-PROXY-CANARY: ")).toThrow("filter BERTH-FORWARD rule 1");
});

it("knows the output interface if the machine says it", () => {
  const node = { ...machine, interfaceTo: (address: string) => (address === "10.1.1.1" ? "eth1" : "eth0") };
  const own = rules(
    "nat OUTPUT ACCEPT: " + dnat("10.1.1.1:1"),
    // The hook of OUTPUT keeps the interface of the first route.
    "filter OUTPUT ACCEPT: ! -o eth0 -j DROP",
    "nat POSTROUTING ACCEPT: -o eth1 -j MASQUERADE",
  );
  expect(send(own, "node", "1.1.1.1:80", {}, node)).toBe("10.1.1.1:1 masqueraded");
});

it.each(["10.0.0.300", "fd00::1", ""])("refuses a packet from %j", (source) => {
  expect(() => trace(rules(), machine, { ...packet, source })).toThrow(TraceError);
});
