import { expect, it } from "vitest";
import { type LabelSelector, type Node, nodes } from "../../api/index.ts";
import { FakeClock } from "../../base/fake-clock.ts";
import { Store } from "../../kube/index.ts";
import type { NodeWish } from "../../model/index.ts";
import { createMetrics, nullLogger } from "../../telemetry/index.ts";
import { type NodeChange, NodeView } from "./node-view.ts";

function wish(...selectors: LabelSelector[]): NodeWish {
  return { families: ["IPv4"], needs: "internalIP", selectors };
}

/** A view of `count` nodes that counts how often their addresses are read. */
function viewOf(count: number): {
  store: Store<Node>;
  view: NodeView;
  clock: FakeClock;
  changes: NodeChange[];
  put: (i: number, labels?: Record<string, string>) => void;
  reads: () => number;
} {
  const store = new Store<Node>({ kind: nodes.kind, logger: nullLogger, metrics: createMetrics() });
  const clock = new FakeClock();
  const changes: NodeChange[] = [];
  let reads = 0;
  let version = 1;
  const made = (i: number, labels: Record<string, string> = {}): Node => ({
    metadata: { name: `node${i}`, uid: `uid-${i}`, labels, resourceVersion: `${version++}` },
    get status() {
      reads++;
      return { addresses: [{ type: "InternalIP", address: `10.1.${i >> 8}.${i & 255}` }] };
    },
  });
  store.replace(
    Array.from({ length: count }, (_, i) => made(i)),
    "1",
  );
  const view = new NodeView(store, clock, (change) => changes.push(change));
  const put = (i: number, labels?: Record<string, string>): void => store.apply("MODIFIED", made(i, labels));
  return { store, view, clock, changes, put, reads: () => reads };
}

it("reads each of 500 nodes once, however many Services ask", () => {
  const { view, put, reads } = viewOf(500);
  const first = view.choose(wish());
  const ssd = view.choose(wish({ matchLabels: { disk: "ssd" } }));
  const before = reads();
  for (let i = 0; i < 1000; i++) {
    expect(view.choose(wish())).toBe(first);
    expect(view.choose(wish({ matchLabels: { disk: "ssd" } }))).toBe(ssd);
  }
  expect(reads()).toBe(before);
  // Nothing that counts has changed about it.
  put(7);
  const perNode = reads() - before;
  expect(view.choose(wish())).toBe(first);
  expect(before).toBe(500 * perNode);
  put(7, { disk: "ssd" });
  expect(view.choose(wish({ matchLabels: { disk: "ssd" } })).targets.map(({ name }) => name)).toEqual(["node7"]);
  expect(reads() - before).toBe(2 * perNode);
  view[Symbol.dispose]();
});

it("tells once of many changes: a second after the last, ten after the first", () => {
  const { view, clock, changes, put } = viewOf(3);
  for (let i = 0; i < 25; i++) {
    put(0, { turn: `${i}` });
    clock.advance(500);
  }
  // The first came after ten seconds.
  expect(changes).toHaveLength(1);
  clock.advance(1000);
  expect(changes).toEqual([
    { forAll: false, labels: new Set(["turn"]) },
    { forAll: false, labels: new Set(["turn"]) },
  ]);
  put(1, { "node.kubernetes.io/exclude-from-external-load-balancers": "" });
  clock.advance(1000);
  expect(changes.at(-1)?.forAll).toBe(true);
  view[Symbol.dispose]();
  expect(clock.pending).toEqual([]);
});
