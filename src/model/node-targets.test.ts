import { expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { formatIp } from "../net/index.ts";
import { eligibleNodes, looksTheSame } from "./index.ts";

const label = "node.kubernetes.io/exclude-from-external-load-balancers";

function node(name: string, metadata: object = {}, rest: object = {}): Node {
  return { metadata: { name, ...metadata }, ...rest };
}

function labelled(value: string): object {
  return { labels: { [label]: value } };
}

function tainted(key: string): object {
  return { spec: { taints: [{ key, effect: "NoSchedule" }] } };
}

it.each<[string, Node, string | undefined]>([
  ["plain", node("a"), undefined],
  ["NotReady", node("a", {}, { status: { conditions: [{ type: "Ready", status: "False" }] } }), undefined],
  ["cordoned", node("a", {}, { spec: { unschedulable: true } }), undefined],
  ["control plane", node("a", { labels: { "node-role.kubernetes.io/control-plane": "" } }), undefined],
  ["exclude label false", node("a", labelled("false")), undefined],
  ["exclude label F", node("a", labelled("F")), undefined],
  ["exclude label true", node("a", labelled("true")), label],
  ["exclude label empty", node("a", labelled("")), label],
  ["exclude label x", node("a", labelled("x")), label],
  ["being deleted", node("a", { deletionTimestamp: "2026-01-01T00:00:00Z" }), "deletionTimestamp"],
  ["cluster autoscaler", node("a", {}, tainted("ToBeDeletedByClusterAutoscaler")), "ToBeDeletedByClusterAutoscaler"],
  ["Karpenter", node("a", {}, tainted("karpenter.sh/disrupted")), "karpenter.sh/disrupted"],
  ["another taint", node("a", {}, tainted("node.kubernetes.io/not-ready")), undefined],
])("%s", (_, input, by) => {
  const { targets, excluded } = eligibleNodes([input]);
  expect({ targets: targets.map(({ name }) => name), excluded }).toEqual(
    by === undefined ? { targets: ["a"], excluded: [] } : { targets: [], excluded: [{ name: "a", by }] },
  );
});

it("sorts nodes and reads addresses, zone and provider id", () => {
  const status = {
    addresses: [
      { type: "Hostname", address: "b" },
      { type: "InternalIP", address: "10.0.0.2" },
      { type: "ExternalIP", address: "192.0.2.2" },
      { type: "InternalIP", address: "fd00::2" },
    ],
  };
  const b = node("b", { labels: { "topology.kubernetes.io/zone": "z1" } }, { spec: { providerID: "x://b" }, status });
  const { targets } = eligibleNodes([b, node("a")]);
  expect(targets.map((target) => ({ ...target, addresses: target.addresses.map(formatIp) }))).toEqual([
    { name: "a", addresses: [] },
    { name: "b", addresses: ["10.0.0.2", "fd00::2"], providerId: "x://b", zone: "z1" },
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
  ["the provider id", node("a"), node("a", {}, { spec: { providerID: "x://a" } }), false],
  ["the zone", node("a"), node("a", { labels: { "topology.kubernetes.io/zone": "z1" } }), false],
])("a change of %s counts for load balancers or not", (_, before, after, same) => {
  expect(looksTheSame(before, after)).toBe(same);
});
