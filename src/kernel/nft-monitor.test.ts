import fc from "fast-check";
import { expect, it } from "vitest";
import { listensToNetfilter, parseMonitorLine } from "./nft-monitor.ts";

const nat = { kind: "change", family: "IPv4", table: "nat" } as const;

it.each([
  ["add table ip nat", { ...nat, chain: undefined, gone: false }],
  ["delete table ip nat", { ...nat, chain: undefined, gone: true }],
  ["create chain ip nat KUBE-SERVICES", { ...nat, chain: "KUBE-SERVICES", gone: false }],
  [
    "add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; policy accept; }",
    { ...nat, chain: "PREROUTING", gone: false },
  ],
  ["destroy chain ip nat KUBE-SERVICES", { ...nat, chain: "KUBE-SERVICES", gone: true }],
  ["insert rule ip nat PREROUTING ip saddr 1.2.3.4 counter accept", { ...nat, chain: "PREROUTING", gone: false }],
  ["delete rule ip nat KUBE-SVC-A handle 44", { ...nat, chain: "KUBE-SVC-A", gone: true }],
  [
    "add rule ip6 filter INPUT handle 43 counter packets 0 bytes 0 return",
    { kind: "change", family: "IPv6", table: "filter", chain: "INPUT", gone: false },
  ],
  [
    "# new generation 5 by process 20926 (iptables-nft)",
    { kind: "commit", process: { pid: 20926, name: "iptables-nft" } },
  ],
  ["# new generation 5 by process 7 (a) (b)", { kind: "commit", process: { pid: 7, name: "a) (b" } }],
  ["# new generation 5", { kind: "commit", process: undefined }],
  ["# ERROR: We lost some netlink events!", { kind: "lost" }],
])("reads %j", (line, expected) => {
  expect(parseMonitorLine(line)).toEqual(expected);
});

it.each([
  "",
  "# Warning: table ip nat is managed by iptables-nft, do not touch!",
  "add table inet filter",
  "add rule inet filter KUBE-SERVICES accept",
  "add set ip nat services { type ipv4_addr; }",
  "add element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 : goto x }",
  "add rule ip nat",
])("has nothing to say of %j", (line) => {
  expect(parseMonitorLine(line)).toBeUndefined();
});

it("finds family, table and chain whatever the rule says", () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,27}$/);
  fc.assert(
    fc.property(
      fc.constantFrom("add", "create", "insert", "replace", "delete", "destroy"),
      fc.constantFrom(["ip", "IPv4"], ["ip6", "IPv6"]),
      name,
      name,
      fc.string(),
      (verb, [word, family], table, chain, rest) => {
        const found = parseMonitorLine(`${verb} rule ${word} ${table} ${chain} ${rest.replaceAll("\n", " ")}`);
        expect(found).toEqual({ kind: "change", family, table, chain, gone: verb.startsWith("de") });
      },
    ),
  );
});

it("makes sense of any text", () => {
  fc.assert(
    fc.property(fc.string(), (line) => {
      const kind = parseMonitorLine(line)?.kind;
      expect(kind === undefined || ["change", "commit", "lost"].includes(kind)).toBe(true);
    }),
  );
});

it.each([
  ["listens", 1636, true],
  ["has a socket of another protocol", 1700, false],
  ["has joined no group yet", 1800, false],
  ["is not there", 1, false],
])("tells of a process that %s", (_what, pid, expected) => {
  const text = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000000e254886 12  1636       00000140 0        0        0     2        0        302749
000000000e254887 0   1700       00000140 0        0        0     2        0        302750
000000000e254888 12  1800       00000000 0        0        0     2        0        302751
`;
  expect(listensToNetfilter(text, pid)).toBe(expected);
});
