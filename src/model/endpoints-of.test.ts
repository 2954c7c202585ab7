import { expect, it } from "vitest";
import type { EndpointSlice } from "../api/index.ts";
import { endpointName, endpointNodes, endpointsOf, type ServiceEndpoint } from "./index.ts";
import { slice } from "./testing/objects.ts";

type Ports = Parameters<typeof slice>[1];

function udp(...names: string[]): Ports {
  return names.map((name) => ({ name, port: Number(name.slice(1)), protocol: "UDP" }));
}

/** `name` -> endpoints of that port, those on node `here` with a star. */
function read(slices: readonly EndpointSlice[], ...names: string[]): Record<string, string[]> {
  const text = (endpoint: ServiceEndpoint): string => `${endpointName(endpoint)}${endpoint.node === "here" ? "*" : ""}`;
  return Object.fromEntries(names.map((name) => [name, endpointsOf(slices, "IPv4", name, "UDP").map(text)]));
}

const here = "here";
const one = { ip: "1.1.1.1" };
const two = { ip: "1.1.1.2", node: here };

// The states between which kube-proxy's tests of its endpoint map move: what is read depends on the state alone.
it.each<[string, EndpointSlice[], Record<string, string[]>]>([
  ["nothing", [], { p11: [] }],
  ["a slice without endpoints", [slice("1", udp("p11"), [])], { p11: [] }],
  ["an unnamed port", [slice("1", [{ name: "", port: 11, protocol: "UDP" }], [one])], { "": ["1.1.1.1:11"] }],
  ["a named port, local", [slice("1", udp("p11"), [{ ...one, node: here }])], { p11: ["1.1.1.1:11*"] }],
  [
    "a renamed port",
    [slice("1", [{ name: "p11-2", port: 11, protocol: "UDP" }], [one])],
    {
      p11: [],
      "p11-2": ["1.1.1.1:11"],
    },
  ],
  ["a renumbered port", [slice("1", [{ name: "p11", port: 22, protocol: "UDP" }], [one])], { p11: ["1.1.1.1:22"] }],
  [
    "several ports",
    [slice("1", udp("p11", "p12"), [one, two])],
    {
      p11: ["1.1.1.1:11", "1.1.1.2:11*"],
      p12: ["1.1.1.1:12", "1.1.1.2:12*"],
    },
  ],
  [
    "a port in each slice",
    [slice("1", udp("p11"), [one]), slice("2", udp("p12"), [two])],
    {
      p11: ["1.1.1.1:11"],
      p12: ["1.1.1.2:12*"],
    },
  ],
  [
    "several slices with several ports",
    [
      slice("1", udp("p11", "p12"), [one, two]),
      slice("2", udp("p13", "p14"), [{ ip: "1.1.1.3" }, { ip: "1.1.1.4", node: here }]),
    ],
    {
      p11: ["1.1.1.1:11", "1.1.1.2:11*"],
      p12: ["1.1.1.1:12", "1.1.1.2:12*"],
      p13: ["1.1.1.3:13", "1.1.1.4:13*"],
      p14: ["1.1.1.3:14", "1.1.1.4:14*"],
    },
  ],
  [
    "one port over two slices",
    [slice("1", udp("p11"), [one]), slice("2", udp("p11"), [two])],
    {
      p11: ["1.1.1.1:11", "1.1.1.2:11*"],
    },
  ],
  [
    "overlapping slices",
    [slice("1", udp("p11"), [one]), slice("2", udp("p11"), [one, two])],
    {
      p11: ["1.1.1.1:11", "1.1.1.2:11*"],
    },
  ],
  [
    "one address on two ports under one name",
    [slice("1", udp("p11"), [one]), slice("2", [{ name: "p11", port: 12, protocol: "UDP" }], [one])],
    { p11: ["1.1.1.1:11", "1.1.1.1:12"] },
  ],
  [
    "the order of texts, as chains have it",
    [slice("1", udp("p11"), [{ ip: "1.1.1.9" }, { ip: "1.1.1.10" }, one])],
    {
      p11: ["1.1.1.10:11", "1.1.1.1:11", "1.1.1.9:11"],
    },
  ],
  ["leading zeros", [slice("1", udp("p11"), [{ ip: "001.01.1.1" }, one])], { p11: ["1.1.1.1:11"] }],
  [
    "IPv4 in IPv6 clothes",
    [{ ...slice("1", udp("p11"), [{ ip: "::ffff:1.1.1.1" }]), addressType: "IPv4" }],
    {
      p11: ["1.1.1.1:11"],
    },
  ],
])("reads %s", (_what, slices, expected) => {
  const names = Object.keys(expected);
  expect(read(slices, ...names)).toEqual(expected);
  expect(read(slices.toReversed(), ...names)).toEqual(expected);
});

const good = slice("1", udp("p11"), [one]);
const endpoint = good.endpoints![0]!;

it.each<[string, EndpointSlice]>([
  ["an address of the other family", { ...good, endpoints: [{ ...endpoint, addresses: ["fd00::1"] }] }],
  ["a hostile address", { ...good, endpoints: [{ ...endpoint, addresses: ["1.1.1.1 -j ACCEPT"] }] }],
  ["an endpoint without addresses", { ...good, endpoints: [{ ...endpoint, addresses: [] }] }],
  ["null addresses", { ...good, endpoints: [{ ...endpoint, addresses: null as never }] }],
  ["null endpoints", { ...good, endpoints: null as never }],
  ["null ports", { ...good, ports: null as never }],
  ["a port without a name", { ...good, ports: [{ port: 11, protocol: "UDP" }] }],
  ["a port with a null name", { ...good, ports: [{ name: null as never, port: 11, protocol: "UDP" }] }],
  ["port 0", { ...good, ports: [{ name: "p11", port: 0, protocol: "UDP" }] }],
  ["a null port", { ...good, ports: [{ name: "p11", port: null as never, protocol: "UDP" }] }],
  ["a negative port", { ...good, ports: [{ name: "p11", port: -11, protocol: "UDP" }] }],
  ["a port that is a text", { ...good, ports: [{ name: "p11", port: "11 -j ACCEPT" as never, protocol: "UDP" }] }],
  ["another protocol", { ...good, ports: [{ name: "p11", port: 11, protocol: "TCP" }] }],
  ["no protocol, which is TCP", { ...good, ports: [{ name: "p11", port: 11 }] }],
  ["a slice of the other family", { ...good, addressType: "IPv6" }],
  ["a slice of host names", { ...good, addressType: "FQDN" }],
])("leaves out %s", (_what, bad) => {
  expect(read([bad], "p11")).toEqual({ p11: [] });
  expect(read([bad, slice("2", udp("p11"), [two])], "p11")).toEqual({ p11: ["1.1.1.2:11*"] });
});

it("takes null conditions and hints as their defaults", () => {
  const bare = { addresses: ["1.1.1.1"], conditions: null as never, hints: null as never, nodeName: null as never };
  expect(endpointsOf([{ ...good, endpoints: [bare] }], "IPv4", "p11", "UDP")).toMatchObject([
    { ready: true, serving: true, terminating: false, hints: { zones: [], nodes: [] } },
  ]);
  const nulls = { ready: null as never, serving: null as never, terminating: null as never };
  const hints = { forZones: null as never, forNodes: null as never };
  expect(
    endpointsOf([{ ...good, endpoints: [{ ...bare, conditions: nulls, hints }] }], "IPv4", "p11", "UDP"),
  ).toMatchObject([{ ready: true, serving: true, terminating: false, hints: { zones: [], nodes: [] } }]);
});

it("uses only the first address", () => {
  expect(read([{ ...good, endpoints: [{ addresses: ["1.1.1.1", "1.1.1.2"] }] }], "p11")).toEqual({
    p11: ["1.1.1.1:11"],
  });
});

const running = { ip: "1.1.1.1", ready: true, serving: true, terminating: false };
const ending = { ip: "1.1.1.1", ready: false, serving: true, terminating: true };
const ended = { ip: "1.1.1.1", ready: false, serving: false, terminating: true };
const starting = { ip: "1.1.1.1", ready: false, serving: false, terminating: false };

it.each([
  ["running before ending", [ending, running, ended], running],
  ["starting before ending: the address has a new owner", [ending, starting], starting],
  ["ready before not ready", [starting, running], running],
  ["serving before not serving", [ended, ending], ending],
])("of two copies of an endpoint takes %s", (_what, copies, winner) => {
  const { ip: _, ...state } = winner;
  const apart = copies.map((copy, i) => slice(`${i}`, udp("p11"), [copy]));
  for (const slices of [[slice("1", udp("p11"), copies)], apart, apart.toReversed()])
    expect(endpointsOf(slices, "IPv4", "p11", "UDP")).toMatchObject([state]);
});

it.each<[string, Parameters<typeof slice>[2], string[]]>([
  ["ready ones", [{ ip: "1.1.1.1", node: "a" }, { ip: "1.1.1.2", node: "b", ready: false }, one], ["a"]],
  ["both of two on one node", [two, { ip: "1.1.1.3", node: here }], [here]],
  [
    "ready ones before those that end",
    [
      { ip: "1.1.1.1", node: "a", ready: false, serving: true, terminating: true },
      { ip: "1.1.1.2", node: "b" },
    ],
    ["b"],
  ],
  [
    "none but those that end and still serve",
    [
      { ip: "1.1.1.1", node: "a", ready: false, serving: true, terminating: true },
      { ip: "1.1.1.2", node: "b", ready: false, serving: false, terminating: true },
    ],
    ["a"],
  ],
  ["nothing", [], []],
])("nodes that can take traffic: %s", (_, endpoints, expected) => {
  expect([...endpointNodes([slice("1", udp("p11"), endpoints)])]).toEqual(expected);
});
