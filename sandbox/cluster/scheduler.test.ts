import { expect, it } from "vitest";
import type { Node, Pod } from "../../src/api/index.ts";
import { chooseNode } from "./scheduler.ts";

function node(name: string, { ready = "True", unschedulable = false, labels = {} } = {}): Node {
  const conditions = [{ type: "Ready", status: ready }];
  return { metadata: { name, labels }, spec: { unschedulable }, status: { conditions } };
}

function podOn(nodeName: string, deletionTimestamp?: string): Pod {
  return { metadata: { ...(deletionTimestamp && { deletionTimestamp }) }, spec: { nodeName, containers: [] } };
}

const pod: Pod = { metadata: {}, spec: { containers: [] } };

it.each<[string, Node[], Pod[], string | undefined]>([
  ["the first by name among equals", [node("b"), node("a")], [], "a"],
  ["the least loaded", [node("a"), node("b")], [podOn("a")], "b"],
  ["pods that end are no load", [node("a"), node("b")], [podOn("a", "2026-01-01T00:00:00Z"), podOn("b")], "a"],
  ["not one that is not ready", [node("a", { ready: "False" }), node("b")], [podOn("b")], "b"],
  ["not one that is cordoned", [node("a", { unschedulable: true }), node("b")], [podOn("b")], "b"],
  ["none when there is none", [node("a", { ready: "Unknown" })], [], undefined],
])("chooses %s", (_, nodes, pods, expected) => {
  expect(chooseNode(pod, nodes, pods)).toBe(expected);
});

it("heeds the pod's node selector", () => {
  const picky: Pod = { metadata: {}, spec: { containers: [], nodeSelector: { zone: "b" } } };
  expect(chooseNode(picky, [node("a"), node("b", { labels: { zone: "b" } })], [podOn("b")])).toBe("b");
});
