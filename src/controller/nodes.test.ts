import { expect, it } from "vitest";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

const label = "node.kubernetes.io/exclude-from-external-load-balancers";

function targets(bench: Bench): string | undefined {
  return bench.world.objects.get("uid-web/targets")?.value;
}

async function withService(): Promise<{ bench: Bench; stop: () => Promise<void> }> {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  return { bench, stop: running.stop };
}

it("1 node added, excluded, deleted: the targets follow", async () => {
  const { bench, stop } = await withService();
  expect(targets(bench)).toBe("node1,node2");
  bench.api.createNode("node3");
  await bench.settled();
  bench.clock.advance(1000);
  await bench.until(() => targets(bench) === "node1,node2,node3", "added");
  bench.api.updateNode("node1", { metadata: { labels: { [label]: "" } } });
  await bench.settled();
  bench.clock.advance(1000);
  await bench.until(() => targets(bench) === "node2,node3", "excluded");
  bench.api.deleteNode("node2");
  await bench.settled();
  bench.clock.advance(1000);
  await bench.until(() => targets(bench) === "node3", "deleted");
  await stop();
});

it("A8: 500 nodes that join within 30 s cost a Service few updates", async () => {
  const { bench, stop } = await withService();
  const before = bench.world.mutations.length;
  for (let i = 3; i <= 500; i++) {
    bench.api.createNode(`node${i}`);
    if (i % 5 === 0) {
      await bench.settled();
      bench.clock.advance(300);
    }
  }
  await bench.settled();
  bench.clock.advance(1000);
  await bench.until(() => targets(bench)?.split(",").length === 500, "all are targets");
  expect(bench.world.mutations.length - before).toBeLessThanOrEqual(4);
  await stop();
});

it.each<[string, object]>([
  ["NotReady", { status: { conditions: [{ type: "Ready", status: "False" }] } }],
  ["tainted", { spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] } }],
  ["marked for deletion", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] } }],
  ["spurious update", { metadata: { labels: { any: "thing" } } }],
])("A9: node %s: no call until another trigger", async (_, patch) => {
  const { bench, stop } = await withService();
  const { observations } = bench.world;
  bench.api.updateNode("node1", patch);
  await bench.settled();
  bench.clock.advance(20_000);
  await bench.settled();
  expect(bench.world.observations).toBe(observations);
  await stop();
});

it("A18: only excluded nodes: condition and event name the label", async () => {
  const bench = new Bench();
  for (const name of ["node1", "node2"]) bench.api.updateNode(name, { metadata: { labels: { [label]: "" } } });
  bench.api.createService("web");
  const running = bench.start();
  await bench.until(() => bench.condition("web", "ready") === "False NoBackends", "no backends");
  const text = `every node is excluded from load balancers: node1 by ${label}, node2 by ${label}`;
  expect(bench.message("web", "ready")).toBe(text);
  expect(bench.events).toContain(`Warning UnAvailableLoadBalancer default/web: ${text}`);
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  await running.stop();
});

it("right after a start a working load balancer is not emptied because no node is there", async () => {
  const { bench, stop } = await withService();
  await stop();
  for (const name of ["node1", "node2"]) bench.api.deleteNode(name);
  const again = bench.start();
  await bench.settled();
  expect(targets(bench)).toBe("node1,node2");
  bench.clock.advance(60_000);
  await bench.until(() => targets(bench) === "", "believed in the end");
  await again.stop();
});

it("health of the targets reaches the condition, at once from a provider that tells", async () => {
  const { bench, stop } = await withService();
  bench.world.setUnhealthy("node1");
  await bench.settled();
  const writes = bench.api.writes.length;
  bench.world.setUnhealthy("node1", "node2");
  await bench.until(() => bench.condition("web", "ready") === "False NoHealthyTargets", "unhealthy");
  expect(bench.message("web", "ready")).toBe("no node passes its health check, HTTP port 10256 /healthz");
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  expect(bench.condition("web", "programmed")).toBe("True Programmed");
  bench.world.setUnhealthy();
  await bench.ready("web");
  expect(bench.api.writes.length).toBe(writes + 2);
  await stop();
});

it("a provider that does not tell is asked until targets are healthy", async () => {
  const bench = new Bench();
  bench.world.setUnhealthy("node1", "node2");
  bench.api.createService("web");
  class Silent extends MemoryProvider {}
  Object.defineProperty(Silent.prototype, "watchHealth", { value: undefined });
  const running = bench.start({ providers: [new Silent(bench.world)] });
  await bench.until(() => bench.condition("web", "ready") === "False NoHealthyTargets", "unhealthy");
  bench.world.setUnhealthy();
  await bench.settled();
  bench.clock.advance(5000);
  await bench.ready("web");
  await running.stop();
});
