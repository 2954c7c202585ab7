import { expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { formatIp } from "../net/index.ts";
import {
  asksFor,
  changedLabels,
  chooseNodes,
  looksTheSame,
  type NodeSet,
  type NodeWish,
  nodeFacts,
  withoutTargets,
} from "./index.ts";

const label = "node.kubernetes.io/exclude-from-external-load-balancers";

function node(name: string, metadata: object = {}, rest: object = {}): Node {
  return { metadata: { name, ...metadata }, ...rest };
}

const wish: NodeWish = { families: ["IPv4"], needs: "providerID", selectors: [] };

/** Of nodes that all have what is needed. */
function chosen(nodes: readonly Node[], rest: Partial<NodeWish> = {}): NodeSet {
  const full = nodes.map((one) => ({ ...one, spec: { providerID: "x://a", ...one.spec } }));
  return chooseNodes(full.map(nodeFacts), { ...wish, ...rest });
}

function labelled(value: string): object {
  return { labels: { [label]: value } };
}

function tainted(key: string): object {
  return { spec: { taints: [{ key, effect: "NoSchedule" }] } };
}

it.each<[string, Node, string | undefined]>([
  ["plain (A17: exclude label absent)", node("a"), undefined],
  ["NotReady", node("a", {}, { status: { conditions: [{ type: "Ready", status: "False" }] } }), undefined],
  ["cordoned", node("a", {}, { spec: { unschedulable: true } }), undefined],
  ["control plane", node("a", { labels: { "node-role.kubernetes.io/control-plane": "" } }), undefined],
  ["A17: exclude label false", node("a", labelled("false")), undefined],
  ["A17: exclude label F", node("a", labelled("F")), undefined],
  ["A17: exclude label true", node("a", labelled("true")), label],
  ["A17: exclude label empty", node("a", labelled("")), label],
  ["A17: exclude label x", node("a", labelled("x")), label],
  ["being deleted", node("a", { deletionTimestamp: "2026-01-01T00:00:00Z" }), "deletionTimestamp"],
  ["cluster autoscaler", node("a", {}, tainted("ToBeDeletedByClusterAutoscaler")), "ToBeDeletedByClusterAutoscaler"],
  ["Karpenter", node("a", {}, tainted("karpenter.sh/disrupted")), "karpenter.sh/disrupted"],
  ["a cloud's, not set up", node("a", {}, tainted("node.cloudprovider.kubernetes.io/uninitialized")), undefined],
  ["another taint", node("a", {}, tainted("node.kubernetes.io/not-ready")), undefined],
])("%s", (_, input, by) => {
  const { targets, excluded } = chosen([input]);
  expect({ targets: targets.map(({ name }) => name), excluded }).toEqual(
    by === undefined ? { targets: ["a"], excluded: [] } : { targets: [], excluded: [{ name: "a", by }] },
  );
});

it("reads addresses, zone and provider id", () => {
  const status = {
    addresses: [
      { type: "Hostname", address: "b" },
      { type: "InternalIP", address: "10.0.0.2" },
      { type: "ExternalIP", address: "192.0.2.2" },
      { type: "InternalIP", address: "fd00::2" },
      { type: "InternalIP", address: "010.0.0.2" },
    ],
  };
  const b = node("b", { labels: { "topology.kubernetes.io/zone": "z1" } }, { spec: { providerID: "x://b" }, status });
  const { targets } = chosen([node("a"), b]);
  const text = (ips: NodeSet["targets"][number]["addresses"] = []): readonly string[] => ips.map(formatIp);
  expect(
    targets.map(({ addresses, externalAddresses, ...rest }) => [rest, text(addresses), text(externalAddresses)]),
  ).toEqual([
    [{ name: "a", providerId: "x://a" }, [], []],
    [{ name: "b", providerId: "x://b", zone: "z1" }, ["10.0.0.2", "fd00::2"], ["192.0.2.2"]],
  ]);
});

const internal = { status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] } };
const external = { status: { addresses: [{ type: "ExternalIP", address: "fd00::1" }] } };
const ssd = { matchLabels: { disk: "ssd" } };

it.each<[string, Partial<NodeWish>, Node, string | undefined]>([
  ["no providerID", {}, { metadata: { name: "a" } }, "its lack of a providerID"],
  [
    "no providerID yet",
    {},
    node("a", {}, tainted("node.cloudprovider.kubernetes.io/uninitialized")),
    "node.cloudprovider.kubernetes.io/uninitialized",
  ],
  ["no InternalIP", { needs: "internalIP" }, node("a", {}, external), "its lack of an InternalIP (IPv4)"],
  ["an InternalIP", { needs: "internalIP" }, node("a", {}, internal), undefined],
  ["another family", { needs: "internalIP", families: ["IPv6"] }, node("a"), "its lack of an InternalIP (IPv6)"],
  ["one family of two", { needs: "internalIP", families: ["IPv6", "IPv4"] }, node("a", {}, internal), undefined],
  ["no address", { needs: "address" }, node("a", {}, external), "its lack of an address (IPv4)"],
  ["an ExternalIP", { needs: "address", families: ["IPv6"] }, node("a", {}, external), undefined],
  [
    "a selector",
    { selectors: [ssd] },
    node("a", { labels: { disk: "ssd" } }, { spec: { providerID: "x" } }),
    undefined,
  ],
  ["a selector that it fails", { selectors: [ssd] }, node("a"), "the node selector"],
  ["one of two selectors", { selectors: [{}, ssd] }, node("a"), "the node selector"],
])("with %s a node is taken or not", (_, rest, input, by) => {
  const { targets, excluded } = chooseNodes([nodeFacts(input)], { ...wish, ...rest });
  expect([targets.length, excluded[0]?.by]).toEqual([by === undefined ? 1 : 0, by]);
});

it("leaves out further targets, and changes nothing when there is no reason", () => {
  const all = chosen([node("a"), node("b"), node("c", labelled(""))]);
  expect(withoutTargets(all, () => undefined)).toBe(all);
  const { targets, excluded } = withoutTargets(all, ({ name }) => (name === "b" ? "why" : undefined));
  expect(targets.map(({ name }) => name)).toEqual(["a"]);
  expect(excluded).toEqual([
    { name: "c", by: label },
    { name: "b", by: "why" },
  ]);
});

it("tells which labels changed, and which selectors ask for one of them", () => {
  const [a, b] = [
    { x: "1", y: "1" },
    { y: "2", z: "" },
  ].map((labels) => nodeFacts(node("a", { labels })));
  const keys = changedLabels(a!, b!);
  expect(keys).toEqual(["x", "y", "z"]);
  const asks = (key: string): boolean[] =>
    [{ matchLabels: { [key]: "" } }, { matchExpressions: [{ key, operator: "Exists" }] }].map((selector) =>
      asksFor(selector, new Set(keys)),
    );
  expect([asks("z"), asks("w")]).toEqual([
    [true, true],
    [false, false],
  ]);
});

const address = { status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] } };

it.each<[string, Node, Node, boolean]>([
  ["nothing", node("a", {}, address), node("a", { resourceVersion: "2" }, address), true],
  ["Ready", node("a"), node("a", {}, { status: { conditions: [{ type: "Ready", status: "False" }] } }), true],
  ["a taint", node("a"), node("a", {}, tainted("ToBeDeletedByClusterAutoscaler")), true],
  ["deletion", node("a"), node("a", { deletionTimestamp: "2026-01-01T00:00:00Z" }), true],
  ["another label", node("a"), node("a", { labels: { any: "thing" } }), true],
  ["the exclude label, to the same effect", node("a", labelled("true")), node("a", labelled("")), true],
  ["the exclude label", node("a"), node("a", labelled("")), false],
  ["the address", node("a"), node("a", {}, address), false],
  ["an external address", node("a"), node("a", {}, external), false],
  ["the provider id", node("a"), node("a", {}, { spec: { providerID: "x://a" } }), false],
  ["the zone", node("a"), node("a", { labels: { "topology.kubernetes.io/zone": "z1" } }), false],
])("a change of %s counts for load balancers or not", (_, before, after, same) => {
  expect(looksTheSame(nodeFacts(before), nodeFacts(after))).toBe(same);
});

/** What upstream's tables tell of a node: `other` stands for a taint, a label and a condition that nobody asks for. */
type Trait = "tainted" | "excluded" | "unready" | "readiness unset" | "deleted" | "providerID unset" | Other;
type Other = "other taint" | "other label" | "other condition";

function nodeWith(...traits: readonly Trait[]): Node {
  const has = (trait: Trait): boolean => traits.includes(trait);
  const taints = [
    ...(has("tainted") ? [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] : []),
    ...(has("other taint") ? [{ key: "other", effect: "NoSchedule" }] : []),
  ];
  const ready = { type: "Ready", status: has("unready") ? "False" : "True" };
  const other = { type: "Other", status: has("other condition") ? "True" : "False" };
  return node(
    "a",
    {
      labels: { ...(has("excluded") && { [label]: "" }), ...(has("other label") && { other: "" }) },
      ...(has("deleted") && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    {
      spec: { taints, ...(!has("providerID unset") && { providerID: "x://a" }) },
      status: { conditions: [...(has("readiness unset") ? [] : [ready]), other] },
    },
  );
}

it.each<[string, Trait[], Trait[], boolean]>([
  ["nothing changed", [], [], false],
  ["taint F->T", [], ["tainted"], false],
  ["taint T->F", ["tainted"], [], false],
  ["taint T->T", ["tainted"], ["tainted"], false],
  ["other taint F->T", [], ["other taint"], false],
  ["other taint T->F", ["other taint"], [], false],
  ["excluded F->T", [], ["excluded"], true],
  ["excluded changed T->F", ["excluded"], [], true],
  ["excluded changed T->T", ["excluded"], ["excluded"], false],
  ["other label changed F->T", [], ["other label"], false],
  ["other label changed T->F", ["other label"], [], false],
  ["readiness changed F->T", ["unready"], [], false],
  ["readiness changed T->F", [], ["unready"], false],
  ["readiness changed F->F", ["unready"], ["unready"], false],
  ["readiness changed F->unset", ["unready"], ["readiness unset"], false],
  ["readiness changed T->unset", [], ["readiness unset"], false],
  ["readiness changed unset->F", ["readiness unset"], ["unready"], false],
  ["readiness changed unset->T", ["readiness unset"], [], false],
  ["readiness changed unset->unset", ["readiness unset"], ["readiness unset"], false],
  ["ready F, other condition changed F->T", ["unready"], ["unready", "other condition"], false],
  ["ready F, other condition changed T->F", ["unready", "other condition"], ["unready"], false],
  ["ready T, other condition changed F->T", [], ["other condition"], false],
  ["ready T, other condition changed T->F", ["other condition"], [], false],
  ["deletionTimestamp F -> T", [], ["deleted"], false],
  ["providerID set F -> T", ["providerID unset"], [], true],
])("Test_shouldSyncUpdatedNode_individualPredicates: %s", (_, before, after, counts) => {
  expect(looksTheSame(nodeFacts(nodeWith(...before)), nodeFacts(nodeWith(...after)))).toBe(!counts);
});

/** As upstream names them: what holds all the while, and a change there and back. */
const pairs: readonly { trait: Trait; held: string; comes: string; goes: string; counts: boolean }[] = [
  { trait: "tainted", held: "tainted T", comes: "tainted F->T", goes: "tainted T->F", counts: false },
  { trait: "excluded", held: "excluded T", comes: "excluded F->T", goes: "excluded T->F", counts: true },
  { trait: "unready", held: "ready F", comes: "ready T->F", goes: "ready F->T", counts: false },
  {
    trait: "providerID unset",
    held: "providerID unset",
    comes: "providerID set T->F",
    goes: "providerID set F->T",
    counts: true,
  },
];

it.each(
  pairs.flatMap(({ trait, held }) =>
    pairs
      .filter((other) => other.trait !== trait)
      .flatMap(({ trait: other, comes, goes, counts }) => [
        { name: `${held}, ${comes}`, before: [trait], after: [trait, other], counts },
        { name: `${held}, ${goes}`, before: [trait, other], after: [trait], counts },
      ]),
  ),
)("Test_shouldSyncUpdatedNode_compoundedPredicates: $name", ({ before, after, counts }) => {
  expect(looksTheSame(nodeFacts(nodeWith(...before)), nodeFacts(nodeWith(...after)))).toBe(!counts);
});

it.each<[string, string | undefined, string | undefined, boolean]>([
  ["providerID updated", "x://a", "x://b", true],
  ["providerID unchanged", "x://a", "x://a", false],
  ["providerID from empty to set", undefined, "x://a", true],
])("TestNodesNotEqual: %s", (_, before, after, counts) => {
  const [a, b] = [before, after].map((id) =>
    nodeFacts(node("a", {}, { spec: id === undefined ? {} : { providerID: id } })),
  );
  expect(looksTheSame(a!, b!)).toBe(!counts);
});
