import { describe, expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { node } from "../model/testing/objects.ts";
import { type Family, parseCidr } from "../net/index.ts";
import { type LocalTrafficDetector, type NodeSettings, nodeEligible, nodeFacts, nodeNotices } from "./node-facts.ts";
import type { PlanConfig } from "./plan/index.ts";
import { nodeSettings } from "./testing/settings.ts";

function config(settings: Partial<NodeSettings>, object: Node | undefined, family: Family = "IPv4"): PlanConfig {
  return nodeFacts(nodeSettings(settings), object, [], ["192.168.0.2", "127.0.0.1"]).configs.get(family)!;
}

function nodeWith(spec: Node["spec"], addresses: readonly [string, string][] = []): Node {
  return {
    ...node("node-a"),
    ...(spec && { spec }),
    status: { addresses: addresses.map(([type, address]) => ({ type, address })) },
  };
}

const podCidrs = (...podCIDRs: string[]): Node => nodeWith({ podCIDRs });

describe("local traffic", () => {
  const byNode: LocalTrafficDetector = { mode: "NodeCIDR" };
  it.each<[string, LocalTrafficDetector, Node | undefined, string | undefined, string | undefined]>([
    [
      "the cluster's prefix",
      { mode: "ClusterCIDR", cidrs: new Map([["IPv4", "10.0.0.0/8"]]) },
      undefined,
      "-s 10.0.0.0/8",
      undefined,
    ],
    ["the node's prefixes", byNode, podCidrs("fd00:1::/64", "10.1.0.0/24"), "-s 10.1.0.0/24", "-s fd00:1::/64"],
    ["the first of a family", byNode, podCidrs("10.1.0.0/24", "10.2.0.0/24"), "-s 10.1.0.0/24", undefined],
    ["the old single prefix", byNode, nodeWith({ podCIDR: "10.1.0.0/24" }), "-s 10.1.0.0/24", undefined],
    ["a prefix with host bits and zeros", byNode, podCidrs("010.1.0.7/024"), "-s 10.1.0.0/24", undefined],
    ["no prefix yet", byNode, nodeWith({}), undefined, undefined],
    ["a hostile prefix", byNode, podCidrs("10.1.0.0/24 -j ACCEPT"), undefined, undefined],
    ["no Node", byNode, undefined, undefined, undefined],
    ["a bridge", { mode: "BridgeInterface", name: "cni0" }, undefined, "-i cni0", "-i cni0"],
    ["a prefix of interface names", { mode: "InterfaceNamePrefix", prefix: "veth" }, undefined, "-i veth+", "-i veth+"],
  ])("is known by %s", (_what, localTraffic, object, v4, v6) => {
    const expected = (match: string | undefined) => match && { ifLocal: match, ifNotLocal: `! ${match}` };
    expect(config({ localTraffic }, object).localTraffic).toEqual(expected(v4));
    expect(config({ localTraffic }, object, "IPv6").localTraffic).toEqual(expected(v6));
  });
});

it.each<[string, [string, string][], string | undefined, string, string]>([
  [
    "InternalIP before ExternalIP",
    [
      ["ExternalIP", "203.0.113.1"],
      ["InternalIP", "192.168.0.2"],
    ],
    undefined,
    "192.168.0.2",
    "::1",
  ],
  [
    "ExternalIP where there is no other",
    [
      ["ExternalIP", "203.0.113.1"],
      ["InternalIP", "fd00::2"],
    ],
    undefined,
    "203.0.113.1",
    "fd00::2",
  ],
  [
    "the first of its type",
    [
      ["InternalIP", "192.168.0.2"],
      ["InternalIP", "192.168.0.3"],
    ],
    undefined,
    "192.168.0.2",
    "::1",
  ],
  [
    "not host names",
    [
      ["Hostname", "10.0.0.1"],
      ["InternalDNS", "n"],
    ],
    undefined,
    "127.0.0.1",
    "::1",
  ],
  ["leading zeros", [["InternalIP", "192.168.000.002"]], undefined, "192.168.0.2", "::1"],
  [
    "a bind address before the Node",
    [
      ["InternalIP", "192.168.0.2"],
      ["InternalIP", "fd00::2"],
    ],
    "192.168.0.9",
    "192.168.0.9",
    "fd00::2",
  ],
  ["no bind address that is any", [["InternalIP", "192.168.0.2"]], "0.0.0.0", "192.168.0.2", "::1"],
  ["loopback when nothing is known", [], "::", "127.0.0.1", "::1"],
])("takes for the node's own address: %s", (_what, addresses, bindAddress, v4, v6) => {
  const settings = bindAddress === undefined ? {} : { bindAddress };
  const object = nodeWith(undefined, addresses);
  expect([config(settings, object).nodeIp, config(settings, object, "IPv6").nodeIp]).toEqual([v4, v6]);
});

it("hands through what the admin decides, localhost NodePorts and accounting by family", () => {
  const settings = nodeSettings({
    localhostNodePorts: true,
    accounting: new Set(["IPv4"]),
    masqueradeAll: true,
    masqueradeBit: 3,
    randomFully: false,
    dropInvalid: false,
    nodePortAddresses: "primary",
    externalIps: [parseCidr("192.0.2.0/24")!],
  });
  const facts = nodeFacts(settings, node("node-a", "zone-b"), [], ["192.168.0.2", "127.0.0.1"]);
  expect(facts.place).toEqual({ name: "node-a", zone: "zone-b" });
  expect(facts.guard).toEqual({
    apiServers: new Set(),
    nodeAddresses: new Set(["192.168.0.2", "127.0.0.1"]),
    translated: new Map(),
    reservedPorts: settings.reservedPorts,
    externalIps: settings.externalIps,
  });
  const common = { masqueradeAll: true, masqueradeBit: 3, randomFully: false, dropInvalid: false, largeCluster: false };
  expect(facts.configs.get("IPv4")).toMatchObject({
    ...common,
    accounting: true,
    localhostNodePorts: false,
    nodePortAddresses: ["192.168.0.2"],
  });
  expect(facts.configs.get("IPv6")).toMatchObject({ ...common, accounting: false, nodePortAddresses: undefined });
  expect(config({ localhostNodePorts: true }, undefined).localhostNodePorts).toBe(true);
  expect(config({ localhostNodePorts: true }, undefined, "IPv6").localhostNodePorts).toBe(false);
});

const gone = "the Node object is gone; rules go by what it said last";
const never = "there is no Node object of this name, so its addresses, zone and pod prefix are not known";
const noPrefix = (family: Family) =>
  `the Node has no ${family} prefix in spec.podCIDRs, so its pods are not told from others`;

it.each<[string, Partial<NodeSettings>, Node | undefined, Node | undefined, string[]]>([
  ["nothing when all is known", {}, node("node-a"), node("node-a"), []],
  ["a Node that was never there", {}, undefined, undefined, [never]],
  ["a Node that is gone", {}, undefined, node("node-a"), [gone]],
  [
    "missing pod prefixes",
    { localTraffic: { mode: "NodeCIDR" } },
    podCidrs("10.1.0.0/24"),
    podCidrs("10.1.0.0/24"),
    [noPrefix("IPv6")],
  ],
  [
    "a missing address for primary",
    { nodePortAddresses: "primary" },
    node("node-a"),
    node("node-a"),
    ["NodePorts answer on all IPv6 addresses: the node's own is not known"],
  ],
])("tells of %s", (_what, settings, current, last, notices) => {
  expect(nodeNotices(nodeSettings(settings), current, last, ["192.168.0.2"])).toEqual(notices);
});

it.each<[string, Node | undefined, boolean]>([
  ["is as usual", node("node-a"), true],
  ["is cordoned", nodeWith({ unschedulable: true }), true],
  ["has another taint", nodeWith({ taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }] }), true],
  ["is scaled away", nodeWith({ taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] }), false],
  ["is disrupted by Karpenter", nodeWith({ taints: [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }] }), false],
  ["is being deleted", { metadata: { name: "node-a", deletionTimestamp: "2026-01-01T00:00:00Z" } }, false],
  ["is not there", undefined, false],
])("takes new connections when it %s", (_what, object, eligible) => {
  expect(nodeEligible(object)).toBe(eligible);
});

it("knows under which address a cloud hands on what is sent to the node's public ones", () => {
  const own = node("node-a");
  const addresses = [
    { type: "Hostname", address: "node-a" },
    { type: "ExternalIP", address: "198.51.100.1" },
    { type: "ExternalIP", address: "198.51.100.2" },
    { type: "InternalIP", address: "192.168.0.2" },
    { type: "InternalIP", address: "192.168.0.3" },
    { type: "ExternalIP", address: "192.168.0.2" },
    { type: "ExternalIP", address: "fd00::1" },
    { type: "ExternalIP", address: "nonsense" },
  ];
  const facts = nodeFacts(nodeSettings(), { ...own, status: { ...own.status, addresses } }, [], []);
  expect([...facts.guard.translated]).toEqual([
    ["198.51.100.1", "192.168.0.2"],
    ["198.51.100.2", "192.168.0.2"],
  ]);
});
