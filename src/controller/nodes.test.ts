import { describe, expect, it } from "vitest";
import { endpointSlices, type ServiceSpec } from "../api/index.ts";
import { slice } from "../model/testing/objects.ts";
import { MemoryProvider, type StepHook } from "../provider/testing/memory-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

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

it("TestNodeChangesForStableNodeSetEnabled: 1 node added, excluded, deleted: the targets follow", async () => {
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

it("what follows from a change of nodes is measured as upstream does", async () => {
  const bench = new Bench();
  for (const name of ["web", "api"]) bench.api.createService(name);
  const broken = { is: false };
  const hook: StepHook = async ({ id }, when) => {
    if (when === "after" || id !== "uid-api/targets") return;
    await late.promise;
    if (broken.is) throw new Error("no luck");
  };
  let late = Promise.withResolvers<void>();
  late.resolve();
  const running = bench.start({ providers: [new MemoryProvider(bench.world, { hook })] });
  for (const name of ["web", "api"]) await bench.ready(name);
  const measured = async (): Promise<string[]> => {
    const text = await running.metrics.metrics();
    return (text.match(/^service_controller_\w+(_count|_sum|error_total) .*$/gm) ?? []).map((line) =>
      line.replace("service_controller_", ""),
    );
  };
  expect(await measured()).toEqual([
    "nodesync_error_total 0",
    "nodesync_latency_seconds_sum 0",
    "nodesync_latency_seconds_count 0",
    "update_loadbalancer_host_latency_seconds_sum 0",
    "update_loadbalancer_host_latency_seconds_count 0",
  ]);
  late = Promise.withResolvers();
  broken.is = true;
  bench.api.createNode("node3");
  await bench.settled();
  bench.clock.advance(1000);
  await bench.settled();
  bench.clock.advance(3000);
  late.resolve();
  await bench.settled();
  expect(await measured()).toEqual([
    "nodesync_error_total 1",
    "nodesync_latency_seconds_sum 3",
    "nodesync_latency_seconds_count 1",
    "update_loadbalancer_host_latency_seconds_sum 3",
    "update_loadbalancer_host_latency_seconds_count 2",
  ]);
  // What is tried again is no news of nodes.
  broken.is = false;
  bench.clock.advance(10_000);
  await bench.until(() => bench.condition("api", "programmed") === "True Programmed", "it is made good");
  expect(await measured()).toContain("update_loadbalancer_host_latency_seconds_count 2");
  await running.stop();
});

it("A8: of 500 nodes, one more is one plan of each Service; flaps, taints and labels that nobody uses are none", async () => {
  const bench = new Bench();
  for (let i = 3; i <= 500; i++) bench.api.createNode(`node${i}`);
  const names = Array.from({ length: 20 }, (_, i) => `web${i}`);
  for (const name of names) bench.api.createService(name);
  const running = bench.start({ pool: ["192.0.2.0/24"] });
  for (const name of names) await bench.ready(name);
  async function plansAfter(change: (node: string) => void): Promise<number> {
    const before = bench.world.observations;
    for (let i = 1; i <= 500; i += 10) {
      change(`node${i}`);
      await bench.settled();
      bench.clock.advance(100);
    }
    for (let i = 0; i < 12; i++) {
      bench.clock.advance(1000);
      await bench.settled();
    }
    return bench.world.observations - before;
  }
  const ready = (status: string) => (node: string) =>
    bench.api.updateNode(node, { status: { conditions: [{ type: "Ready", status }] } });
  const taint = { key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" };
  expect(await plansAfter(ready("False"))).toBe(0);
  expect(await plansAfter(ready("True"))).toBe(0);
  expect(await plansAfter((node) => bench.api.updateNode(node, { metadata: { labels: { any: node } } }))).toBe(0);
  expect(await plansAfter((node) => bench.api.updateNode(node, { spec: { taints: [taint] } }))).toBe(0);
  bench.api.createNode("node501");
  // What an update takes is one look before and one after it.
  expect(await plansAfter(() => {})).toBe(2 * names.length);
  await running.stop();
});

it.each<[string, object]>([
  ["NotReady", { status: { conditions: [{ type: "Ready", status: "False" }] } }],
  ["tainted", { spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] } }],
  ["marked for deletion", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] } }],
  ["spurious update", { metadata: { labels: { any: "thing" } } }],
])("A9, TestNodeChangesForStableNodeSetEnabled: 1 node %s: no call until another trigger", async (_, patch) => {
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

const selector = "berth.dev/node-selector";

it("a node selector narrows the targets, and a change of labels that it asks for concerns its Service alone", async () => {
  const bench = new Bench();
  bench.api.createService("all");
  bench.api.createService("web", {}, { annotations: { [selector]: "disk=ssd" } });
  bench.api.updateNode("node2", { metadata: { labels: { disk: "ssd" } } });
  const running = bench.start();
  await bench.ready("web");
  await bench.ready("all");
  expect(targets(bench)).toBe("node2");
  const before = bench.world.mutations.length;
  bench.api.updateNode("node1", { metadata: { labels: { disk: "ssd" } } });
  await bench.settled();
  bench.clock.advance(1000);
  await bench.until(() => targets(bench) === "node1,node2", "selected");
  await bench.settled();
  const { observations } = bench.world;
  expect(bench.world.mutations.slice(before)).toEqual(["update uid-web/targets"]);
  bench.api.updateNode("node1", { metadata: { labels: { tape: "yes" } } });
  await bench.settled();
  bench.clock.advance(10_000);
  await bench.settled();
  expect(bench.world.observations).toBe(observations);
  await running.stop();
});

it("a node selector that selects nothing, or is none, says so", async () => {
  const bench = new Bench();
  bench.api.createService("web", {}, { annotations: { [selector]: "disk=ssd" } });
  bench.api.createService("bad", {}, { annotations: { [selector]: "disk ssd" } });
  const running = bench.start();
  await bench.until(() => bench.condition("web", "ready") === "False NoBackends", "no backends");
  expect(bench.message("web", "ready")).toBe(
    "every node is excluded from load balancers: node1 by the node selector, node2 by the node selector",
  );
  await bench.until(() => bench.condition("bad", "accepted") === "False InvalidNodeSelector", "refused");
  await running.stop();
});

it("a change of labels within the first minute empties no load balancer that works, and only that one waits", async () => {
  const bench = new Bench();
  for (const name of ["web", "all"])
    bench.api.createService(name, {}, name === "web" ? { annotations: { [selector]: "disk=ssd" } } : {});
  bench.api.updateNode("node1", { metadata: { labels: { disk: "ssd" } } });
  const running = bench.start();
  await bench.ready("web");
  await bench.ready("all");
  bench.api.deleteNode("node1");
  await bench.settled();
  bench.clock.advance(1000);
  await bench.until(() => bench.world.objects.get("uid-all/targets")?.value === "node2", "the other follows");
  await bench.settled();
  expect(targets(bench)).toBe("node1");
  bench.clock.advance(60_000);
  await bench.until(() => targets(bench) === "", "believed in the end");
  await running.stop();
});

it("more nodes than the load balancer takes: a part of them, evenly from each zone, and the Service is degraded", async () => {
  const bench = new Bench();
  for (let i = 3; i <= 12; i++)
    bench.api.createNode(`node${i}`, { labels: { "topology.kubernetes.io/zone": i > 10 ? "b" : "a" } });
  bench.api.createService("web");
  const running = bench.start({ providers: [new MemoryProvider(bench.world, { capabilities: { maxTargets: 6 } })] });
  await bench.until(() => bench.condition("web", "degraded") === "True TooManyNodes", "degraded");
  const chosen = targets(bench)?.split(",") ?? [];
  expect(chosen).toHaveLength(6);
  expect(chosen).toEqual(expect.arrayContaining(["node1", "node2", "node11", "node12"]));
  await running.stop();
});

describe("a provider that sends to nodes with endpoints, with policy Local", () => {
  const local: ServiceSpec = { externalTrafficPolicy: "Local" };

  function put(bench: Bench, ...on: readonly string[]): void {
    const ports = [{ name: "http", port: 8080 }];
    const made = slice(
      "web-1",
      ports,
      on.map((node, i) => ({ ip: `10.0.0.${i + 1}`, node })),
    );
    const labels = { "kubernetes.io/service-name": "web" };
    bench.api.put(endpointSlices, { ...made, metadata: { name: "web-1", namespace: "default", labels } });
  }

  async function begin(spec: ServiceSpec, ...on: readonly string[]): Promise<{ bench: Bench; running: Running }> {
    const bench = new Bench();
    put(bench, ...on);
    bench.api.createService("web", spec);
    const providers = [new MemoryProvider(bench.world, { capabilities: { endpointNodes: true } })];
    const running = bench.start({ providers });
    await bench.until(() => bench.condition("web", "ready") !== "", "it is looked at");
    await bench.settled();
    return { bench, running };
  }

  it("follows the endpoints at once", async () => {
    const { bench, running } = await begin(local, "node1");
    expect(targets(bench)).toBe("node1");
    put(bench, "node2", "node1");
    await bench.until(() => targets(bench) === "node1,node2", "two");
    put(bench, "node2");
    await bench.until(() => targets(bench) === "node2", "moved");
    await running.stop();
  });

  it("is not asked when endpoints change on nodes that have some, nor with policy Cluster", async () => {
    for (const spec of [local, {}]) {
      const { bench, running } = await begin(spec, "node1");
      const { observations } = bench.world;
      put(bench, "node1", "node1");
      if (spec !== local) put(bench, "node2");
      await bench.settled();
      expect(bench.world.observations).toBe(observations);
      await running.stop();
    }
  });

  it("names the lack of endpoints", async () => {
    const { bench, running } = await begin(local);
    expect(bench.condition("web", "ready")).toBe("False NoBackends");
    expect(bench.message("web", "ready")).toContain("node1 by its lack of ready endpoints");
    await running.stop();
  });
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
