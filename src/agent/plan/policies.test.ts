import { expect, it } from "vitest";
import type { ServiceSpec } from "../../api/index.ts";
import { proxiedService } from "../../model/index.ts";
import { port, service } from "../../model/testing/objects.ts";
import { planService } from "./index.ts";
import { config } from "./testing/services.ts";

/** An endpoint in a few words: where it is, its state when not ready, and to whom it is hinted. */
interface Sketch {
  readonly local?: true;
  readonly state?: "unready" | "ending" | "ended";
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
}

function sliceOf(sketches: readonly Sketch[]) {
  return {
    metadata: { name: "s", namespace: "ns" },
    addressType: "IPv4",
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
    endpoints: sketches.map(({ local, state, zones, nodes }, i) => ({
      addresses: [`10.0.0.${i}`],
      nodeName: local ? "here" : "there",
      conditions: {
        ready: state === undefined,
        serving: state === undefined || state === "ending",
        terminating: state === "ending" || state === "ended",
      },
      hints: {
        ...(zones && { forZones: zones.map((name) => ({ name })) }),
        ...(nodes && { forNodes: nodes.map((name) => ({ name })) }),
      },
    })),
  };
}

/** Numbers of the endpoints to which the port's chains lead, and whether packets are refused for want of any at all. */
function chosen(sketches: readonly Sketch[], spec: Partial<ServiceSpec>, zone: string | undefined) {
  const nodePort = spec.type === "NodePort" ? { nodePort: 30080 } : {};
  const object = service("ns/web", { clusterIP: "10.96.0.7", ports: [port("http", 80, nodePort)], ...spec });
  const plan = planService(proxiedService(object, [sliceOf(sketches)], { name: "here", zone })!.ports, config);
  const numbers = (prefix: string, wanted: RegExp): number[] | undefined => {
    const lines = [...plan.chains].filter(([chain]) => chain.startsWith(prefix)).flatMap(([, rules]) => rules);
    return lines.length === 0 ? undefined : lines.flatMap((line) => wanted.exec(line)?.[1] ?? []).map(Number);
  };
  return {
    cluster: numbers("KUBE-SVC-", /-> 10\.0\.0\.(\d+):80/),
    local: numbers("KUBE-SVL-", /-> 10\.0\.0\.(\d+):80/),
    all: numbers("KUBE-SEP-", /--to-destination 10\.0\.0\.(\d+):80/)?.sort(),
    any: ![...plan.rows.values()].flat().some((line) => line.includes("REJECT")),
  };
}

const plain = {};
const internal = { internalTrafficPolicy: "Local" };
const external = { type: "NodePort", externalTrafficPolicy: "Local" };
const both = { ...internal, ...external };
const a = { zones: ["a"] };
const b = { zones: ["b"] };
const c = { zones: ["c"] };
const here = { local: true } as const;
const ending = { state: "ending" } as const;
const nodes = [
  { ...a, nodes: ["here"] },
  { ...b, nodes: ["n2"] },
  { ...c, nodes: ["n3"] },
  { ...a, nodes: ["n4"] },
];
const elsewhere = nodes.map((sketch) => ({ ...sketch, nodes: ["n1"] }));
type Numbers = number[] | undefined;

// The table of kube-proxy's CategorizeEndpoints: [what, policies, zone, endpoints, SVC, SVL, SEP (if not SVC), any].
it.each<[string, Partial<ServiceSpec>, string | undefined, readonly Sketch[], Numbers, Numbers, Numbers?, boolean?]>([
  ["every endpoint hinted, some for the zone", plain, "a", [a, b, c, a], [0, 3], undefined],
  [
    "external Local is not narrowed by hints",
    external,
    "a",
    [{ ...a, ...here }, { ...b, ...here }, c, a],
    [0, 3],
    [0, 1],
    [0, 1, 3],
  ],
  [
    "internal Local is not narrowed by hints",
    { ...internal, type: "NodePort" },
    "a",
    [{ ...a, ...here }, { ...b, ...here }, c, a],
    [0, 3],
    [0, 1],
    [0, 1, 3],
  ],
  ["a node without a zone", plain, undefined, [a], [0], undefined],
  ["a node with an empty zone", plain, "", [a], [0], undefined],
  ["a node in another zone", plain, "b", [a], [0], undefined],
  ["an endpoint of the zone that is not ready", plain, "a", [a, b, c, { ...a, state: "unready" }], [0], undefined],
  [
    "no endpoint of the zone that is ready",
    plain,
    "a",
    [{ ...a, state: "unready" }, b, c, { ...a, state: "unready" }],
    [1, 2],
    undefined,
  ],
  ["an endpoint without a hint", plain, "a", [a, b, {}, a], [0, 1, 2, 3], undefined],
  [
    "several zones in a hint",
    plain,
    "c",
    [{ zones: ["a", "b", "c"] }, { zones: ["b", "c"] }, { zones: ["b", "d"] }, c],
    [0, 1, 3],
    undefined,
  ],
  ["hints for this node", plain, "a", nodes, [0], undefined],
  ["hints for nodes, one endpoint without", plain, "a", [nodes[0]!, {}, nodes[2]!, nodes[3]!], [0, 1, 2, 3], undefined],
  ["hints for other nodes: the zone's", plain, "a", elsewhere, [0, 3], undefined],
  [
    "hints and localness at odds",
    external,
    "a",
    [{ ...a, ...here }, { ...b, ...here }, a, b],
    [0, 2],
    [0, 1],
    [0, 1, 2],
  ],
  ["internal Local, no endpoints", internal, "a", [], undefined, undefined, undefined, false],
  ["internal Local, none here", internal, "a", [{}, {}], undefined, undefined, undefined, true],
  ["internal Local, all here", internal, "a", [here, here], undefined, [0, 1], [0, 1]],
  ["internal Local, one here", internal, "a", [here, {}], undefined, [0], [0]],
  ["none ready", plain, "a", [{ state: "unready" }, { state: "unready" }], undefined, undefined, undefined, false],
  ["one ready", plain, "a", [{ state: "unready" }, {}], [1], undefined],
  ["all ending", plain, "a", [{ ...ending, ...here }, ending], [0, 1], undefined],
  ["internal Local, external Cluster", { ...internal, type: "NodePort" }, "a", [here, {}], [0, 1], [0]],
  ["internal Cluster, external Local", external, "a", [here, {}], [0, 1], [0]],
  ["both Local", both, "a", [here, {}], [0, 1], [0]],
  ["both Local, none here", both, "a", [{}, {}], [0, 1], undefined],
  ["both Local, none here, all ending", both, "a", [ending, ending], [0, 1], undefined],
  [
    "external Local, the local one ending",
    external,
    "a",
    [{}, { state: "unready", ...here }, { ...ending, ...here }, ending],
    [0],
    [2],
    [0, 2],
  ],
  ["external Local without an external way in", { externalTrafficPolicy: "Local" }, "a", [{}, here], [0, 1], undefined],
  ["internal Local without an external way in", internal, "a", [{}, here], undefined, [1], [1]],
  ["no endpoints", plain, "a", [], undefined, undefined, undefined, false],
  ["not ready, not serving, not ending", plain, "a", [{ state: "unready" }], undefined, undefined, undefined, false],
  ["ended: not serving any more", plain, "a", [{ state: "ended" }], undefined, undefined, undefined, false],
  ["external Local, ending ones here and there", external, "a", [{ ...ending, ...here }, ending], [0, 1], [0]],
])("%s", (_what, spec, zone, sketches, cluster, local, all = cluster, any = true) => {
  expect(chosen(sketches, spec, zone)).toEqual({ cluster, local, all, any });
});
