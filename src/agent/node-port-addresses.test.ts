import { describe, expect, it } from "vitest";
import { type Cidr, type Family, parseCidr } from "../net/index.ts";
import { localhostNodePorts, nodePortAddresses } from "./node-port-addresses.ts";

function cidrs(...texts: string[]): Cidr[] {
  return texts.map((text) => parseCidr(text)!);
}

const families: readonly Family[] = ["IPv4", "IPv6"];
const all = undefined;
const lo4 = "127.0.0.1";
const lo6 = "::1";

// kube-proxy's table of --nodeport-addresses, with localhost NodePorts on: [what, prefixes, local, IPv4, IPv6].
// Loopback of IPv6 is never served, where kube-proxy's own table still lists it and only its writer leaves it out.
it.each<[string, string[], string[], string[] | undefined, string[] | undefined]>([
  ["one prefix", ["10.20.30.0/24"], ["10.20.30.51", "100.200.201.1"], ["10.20.30.51"], all],
  ["all of IPv4", ["0.0.0.0/0"], ["10.20.30.51", lo4], all, all],
  ["prefixes of IPv6", ["2001:db8::/64", "::1/128"], ["2001:db8::1", lo6], all, ["2001:db8::1"]],
  ["all of IPv6", ["::/0"], ["2001:db8::1", lo6], all, all],
  ["localhost alone", ["127.0.0.1/32"], ["10.20.30.51", lo4], [lo4], all],
  ["the loopback net", ["127.0.0.0/8"], ["127.0.1.1"], ["127.0.1.1"], all],
  [
    "two prefixes",
    ["10.20.30.0/24", "100.200.201.0/24"],
    ["10.20.30.51", "100.200.201.1"],
    ["10.20.30.51", "100.200.201.1"],
    all,
  ],
  ["prefixes without a match", ["10.20.30.0/24", "100.200.201.0/24"], ["192.168.1.2", lo4], [], all],
  ["none given, IPv4", [], ["192.168.1.2", lo4], all, all],
  ["none given, IPv6", [], ["2001:db8::1", lo6], all, all],
  ["a prefix beside all", ["1.2.3.0/24", "0.0.0.0/0"], ["1.2.3.4"], all, all],
  [
    "both families, all of IPv4",
    ["0.0.0.0/0", "1.2.3.0/24", "2001:db8::1/128"],
    ["1.2.3.4", "2001:db8::1", lo4, lo6],
    all,
    ["2001:db8::1"],
  ],
  [
    "both families, all of IPv6",
    ["::/0", "1.2.3.0/24", "2001:db8::1/128"],
    ["1.2.3.4", "2001:db8::1", lo4, lo6],
    ["1.2.3.4"],
    all,
  ],
  ["overlapping prefixes", ["1.2.0.0/16", "1.2.3.0/24"], ["1.2.3.4", "1.2.9.9"], ["1.2.3.4", "1.2.9.9"], all],
])("serves on %s", (_what, prefixes, local, v4, v6) => {
  const settings = { nodePortAddresses: cidrs(...prefixes), localhostNodePorts: true };
  expect(families.map((family) => nodePortAddresses(settings, family, undefined, local).addresses)).toEqual([v4, v6]);
});

const others = ["224.0.0.0/24", "192.168.0.0/16", "fd00:1:d::/64"];

describe("localhost NodePorts", () => {
  it.each<[string, string[], boolean]>([
    ["without prefixes", [], true],
    ["with all of IPv4", [...others, "0.0.0.0/0"], true],
    ["with all of IPv6 only", [...others, "::/0"], false],
    ["with the loopback net", [...others, "127.0.0.0/8"], true],
    ["with IPv6 loopback only", [...others, "::1/128"], false],
    ["with a part of the loopback net", [...others, "127.0.2.0/28"], true],
    ["with more than the loopback net", [...others, "64.0.0.0/2"], true],
    ["with something next to it", ["128.0.2.0/28", ...others], false],
  ])("%s: %s", (_what, prefixes, expected) => {
    const settings = { nodePortAddresses: cidrs(...prefixes), localhostNodePorts: true };
    expect(localhostNodePorts(settings, "IPv4")).toBe(expected);
    expect(localhostNodePorts(settings, "IPv6")).toBe(false);
    expect(localhostNodePorts({ ...settings, localhostNodePorts: false }, "IPv4")).toBe(false);
  });

  it("are off with primary, which leaves loopback out", () => {
    expect(localhostNodePorts({ nodePortAddresses: "primary", localhostNodePorts: true }, "IPv4")).toBe(false);
  });
});

it.each<[string, Family, string | undefined, string[] | undefined, string | undefined]>([
  ["the node's own address", "IPv4", "192.168.0.2", ["192.168.0.2"], undefined],
  ["the node's own address of IPv6", "IPv6", "fd00::2", ["fd00::2"], undefined],
  [
    "all when it is not known",
    "IPv4",
    undefined,
    all,
    "NodePorts answer on all IPv4 addresses: the node's own is not known",
  ],
  ["all when it is loopback", "IPv6", lo6, all, "NodePorts answer on all IPv6 addresses: the node's own is not known"],
  [
    "none when no interface has it",
    "IPv4",
    "203.0.113.9",
    [],
    "NodePorts answer on no IPv4 address: the node has none within --nodeport-addresses",
  ],
])("serves with primary on %s", (_what, family, own, addresses, notice) => {
  const settings = { nodePortAddresses: "primary", localhostNodePorts: true } as const;
  const found = nodePortAddresses(settings, family, own, ["10.9.9.9", "192.168.0.2", lo4, lo6, "fd00::2"]);
  expect(found).toEqual({ addresses, ...(notice && { notice }) });
});

it("leaves loopback out, and says so, unless it is switched on", () => {
  const settings = { nodePortAddresses: cidrs("0.0.0.0/1"), localhostNodePorts: false };
  expect(nodePortAddresses(settings, "IPv4", undefined, ["10.0.0.1", lo4])).toEqual({
    addresses: ["10.0.0.1"],
    notice: "NodePorts do not answer on IPv4 loopback, which is not switched on",
  });
  expect(nodePortAddresses({ ...settings, localhostNodePorts: true }, "IPv4", undefined, ["10.0.0.1", lo4])).toEqual({
    addresses: ["10.0.0.1", lo4],
  });
});
