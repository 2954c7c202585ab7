import { expect, it } from "vitest";
import { chooseEndpoints, endpointName, endpointsOf, type ServiceEndpoint } from "./index.ts";
import { slice } from "./testing/objects.ts";

const http = [{ name: "http", port: 8080 }];

function names(...slices: Parameters<typeof endpointsOf>[0]): string[] {
  return endpointsOf(slices, "IPv4", "http", "TCP").map(endpointName);
}

it("reads the port's own endpoints, sorted, of its family only", () => {
  const mixed = slice(
    "a",
    [...http, { name: "other", port: 1 }, { name: "http", port: 2, protocol: "UDP" }],
    [{ ip: "10.0.0.2" }, { ip: "010.0.0.01" }],
  );
  expect(names(mixed, slice("b", http, [{ ip: "fd00::1" }]))).toEqual(["10.0.0.1:8080", "10.0.0.2:8080"]);
  expect(endpointsOf([slice("b", http, [{ ip: "fd00::1" }])], "IPv6", "http", "TCP").map(endpointName)).toEqual([
    "[fd00::1]:8080",
  ]);
});

it.each([
  ["host names", { ...slice("a", http, [{ ip: "example.org" }]), addressType: "FQDN" }],
  [
    "slices of headless Services",
    {
      ...slice("a", http, [{ ip: "10.0.0.1" }]),
      metadata: { name: "a", labels: { "service.kubernetes.io/headless": "" } },
    },
  ],
  ["ports without a number", { ...slice("a", http, [{ ip: "10.0.0.1" }]), ports: [{ name: "http" }] }],
  ["slices without ports", { ...slice("a", http, [{ ip: "10.0.0.1" }]), ports: [] }],
  ["text that is no address", slice("a", http, [{ ip: "10.0.0" }])],
])("leaves out %s", (_what, one) => {
  expect(names(one)).toEqual([]);
});

it("defaults conditions as the API does", () => {
  expect(endpointsOf([slice("a", http, [{ ip: "10.0.0.1" }])], "IPv4", "http", "TCP")).toEqual([
    {
      address: "10.0.0.1",
      port: 8080,
      node: undefined,
      ready: true,
      serving: true,
      terminating: false,
      hints: { zones: [], nodes: [] },
    },
  ]);
});

it("prefers the copy that does not end, whatever the order of slices", () => {
  const ending = { ip: "10.0.0.1", ready: false, serving: true, terminating: true };
  const slices = [slice("a", http, [ending]), slice("b", http, [{ ip: "10.0.0.1" }]), slice("c", http, [ending])];
  for (const order of [slices, slices.toReversed()]) {
    const found = endpointsOf(order, "IPv4", "http", "TCP");
    expect(found.map(({ ready, terminating }) => ({ ready, terminating }))).toEqual([
      { ready: true, terminating: false },
    ]);
  }
});

interface Sketch {
  readonly node?: string;
  /** Ready unless it says otherwise. */
  readonly state?: "ready" | "serving" | "gone" | "unready" | "odd";
  readonly zones?: string[];
  readonly nodes?: string[];
}

function endpoints(sketches: readonly Sketch[]): ServiceEndpoint[] {
  return sketches.map(({ node = "far", state = "ready", zones = [], nodes = [] }, i) => ({
    address: `10.0.0.${i}`,
    port: 80,
    node,
    ready: state === "ready",
    serving: state === "ready" || state === "serving" || state === "odd",
    terminating: state === "serving" || state === "gone",
    hints: { zones, nodes },
  }));
}

const here = "here";
it.each<[string, Sketch[], number[], number[], boolean, string | undefined]>([
  ["no endpoints", [], [], [], false, "a"],
  ["ready ones", [{}, { node: here }], [0, 1], [1], true, "a"],
  ["not ready ones do not count", [{ state: "unready" }, { node: here }], [1], [1], true, "a"],
  ["only not ready ones", [{ state: "unready" }], [], [], false, "a"],
  ["ending ones only when none is ready", [{ state: "serving" }, {}], [1], [], true, "a"],
  ["ending ones as a last resort", [{ state: "serving", node: here }, { state: "gone" }], [0], [0], true, "a"],
  ["ending local ones while others are ready", [{ state: "serving", node: here }, {}], [1], [0], true, "a"],
  ["one that serves, but neither is ready nor ends", [{ state: "odd", node: here }], [], [], false, "a"],
  ["own zone", [{ zones: ["a"] }, { zones: ["b"] }], [0], [], true, "a"],
  ["a hint may name several zones", [{ zones: ["a", "b"] }, { zones: ["b"] }], [0], [], true, "a"],
  ["no endpoint for the zone", [{ zones: ["b"] }, { zones: ["c"] }], [0, 1], [], true, "a"],
  ["one endpoint without a hint", [{ zones: ["a"] }, {}], [0, 1], [], true, "a"],
  ["hints of endpoints that are not ready do not count", [{ zones: ["a"] }, { state: "unready" }], [0], [], true, "a"],
  ["the only hinted one is not ready", [{ zones: ["a"], state: "unready" }, { zones: ["b"] }], [1], [], true, "a"],
  ["node without a zone", [{ zones: ["a"] }, { zones: ["b"] }], [0, 1], [], true, undefined],
  ["node with an empty zone", [{ zones: [""] }, { zones: ["b"] }], [0, 1], [], true, ""],
  ["policy Local ignores hints", [{ zones: ["a"] }, { zones: ["b"], node: here }], [0], [1], true, "a"],
  [
    "own node before own zone",
    [
      { nodes: [here], zones: ["b"] },
      { nodes: ["far"], zones: ["a"] },
    ],
    [0],
    [],
    true,
    "a",
  ],
  [
    "zone when no hint names the node",
    [
      { nodes: ["x"], zones: ["a"] },
      { nodes: ["y"], zones: ["b"] },
    ],
    [0],
    [],
    true,
    "a",
  ],
  ["one endpoint without a node hint", [{ nodes: [here] }, {}], [0, 1], [], true, "a"],
])("chooses: %s", (_what, sketches, cluster, local, any, zone) => {
  const list = endpoints(sketches);
  expect(chooseEndpoints(list, { name: here, zone })).toEqual({
    cluster: cluster.map((i) => list[i]),
    local: local.map((i) => list[i]),
    any,
  });
});
