// What a change of nodes comes to, by the scenarios of upstream's service controller, whose names the titles bear.
import { describe, expect, it } from "vitest";
import type { PlanStep } from "../provider/index.ts";
import { MemoryProvider, type StepHook } from "../provider/testing/memory-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

/** Services of these names, ready on node1 and node2, and the provider's steps in the hands of `hook`. */
async function serving(
  names: readonly string[],
  { hook = () => {}, workers = 4 }: { readonly hook?: StepHook; readonly workers?: number } = {},
): Promise<{ bench: Bench; running: Running }> {
  const bench = new Bench();
  for (const name of names) bench.api.createService(name);
  const running = bench.start({
    providers: [new MemoryProvider(bench.world, { hook })],
    workers,
    pool: ["10.9.0.0/24"],
  });
  for (const name of names) await bench.ready(name);
  bench.world.mutations.length = 0;
  return { bench, running };
}

/** The nodes have been quiet for long enough to count, and all that follows is done. */
async function sweep(bench: Bench): Promise<void> {
  await bench.settled();
  bench.clock.advance(1000);
  await bench.settled();
}

function targetsOf(bench: Bench, name: string): string | undefined {
  return bench.world.objects.get(`uid-${name}/targets`)?.value;
}

function updates(...names: readonly string[]): string[] {
  return names.map((name) => `update uid-${name}/targets`);
}

function isUpdate({ id, action }: PlanStep): boolean {
  return action === "update" && id.endsWith("/targets");
}

describe("TestUpdateNodesInExternalLoadBalancer", () => {
  it.each<[string, readonly boolean[], number]>([
    ["no services to update", [], 4],
    ["services without a load balancer", [false, false], 4],
    ["one service", [true], 4],
    ["three services", [true, true, true], 4],
    ["two of four services", [true, false, true, false], 4],
    ["four services with 2 workers", [true, true, true, true], 2],
  ])("%s", async (_, wants, workers) => {
    const names = wants.flatMap((wanted, i) => (wanted ? [`s${i}`] : []));
    const { bench, running } = await serving(names, { workers });
    wants.forEach((wanted, i) => {
      if (!wanted) bench.api.createService(`s${i}`, { type: "ClusterIP" });
    });
    bench.api.createNode("node3");
    await sweep(bench);
    expect(bench.world.mutations.toSorted()).toEqual(updates(...names));
    expect(names.map((name) => targetsOf(bench, name))).toEqual(names.map(() => "node1,node2,node3"));
    await running.stop();
  });

  it("one nil service: one that went while the nodes changed gets no update, and hinders no other", async () => {
    const { bench, running } = await serving(["gone", "web"]);
    bench.api.createNode("node3");
    await bench.settled();
    bench.api.updateService("gone", { metadata: { finalizers: null, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    await sweep(bench);
    expect(bench.world.mutations).not.toContain("update uid-gone/targets");
    expect(targetsOf(bench, "gone")).toBeUndefined();
    expect(targetsOf(bench, "web")).toBe("node1,node2,node3");
    await running.stop();
  });
});

describe("TestNodeChangesForStableNodeSetEnabled", () => {
  const names = ["a", "b", "c"];

  it("1 node added with retries: what failed is tried again by itself alone, not by the next change of nodes", async () => {
    let failures = 1;
    const { bench, running } = await serving(names, {
      hook: (step, when) => {
        if (when === "before" && isUpdate(step) && step.id === "uid-b/targets" && failures-- > 0) throw new Error("no");
      },
    });
    bench.api.createNode("node3");
    await sweep(bench);
    expect(bench.world.mutations.toSorted()).toEqual(updates("a", "c"));
    const { observations } = bench.world;
    bench.clock.advance(1000);
    await bench.settled();
    expect(bench.world.mutations.at(-1)).toBe("update uid-b/targets");
    // One look before and one after the update, and none at the others.
    expect(bench.world.observations - observations).toBe(2);
    bench.world.mutations.length = 0;
    bench.api.createNode("node4");
    await sweep(bench);
    expect(bench.world.mutations.toSorted()).toEqual(updates(...names));
    await running.stop();
  });

  it("tainted: no call by itself, and left out once something else makes one", async () => {
    const { bench, running } = await serving(names);
    const taint = { key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" };
    bench.api.updateNode("node1", { spec: { taints: [taint] } });
    await sweep(bench);
    expect(bench.world.mutations).toEqual([]);
    bench.api.createNode("node3");
    await sweep(bench);
    expect(names.map((name) => targetsOf(bench, name))).toEqual(names.map(() => "node2,node3"));
    await running.stop();
  });

  it.each<[string, (bench: Bench) => void]>([
    ["no changes", () => {}],
    [
      "1 node goes Ready",
      (bench) => bench.api.updateNode("node1", { status: { conditions: [{ type: "Ready", status: "True" }] } }),
    ],
  ])("%s: no call", async (_, change) => {
    const { bench, running } = await serving(names);
    const { observations } = bench.world;
    change(bench);
    await sweep(bench);
    expect([bench.world.observations, bench.world.mutations]).toEqual([observations, []]);
    await running.stop();
  });
});

describe("TestNodeChangesInExternalLoadBalancer", () => {
  it.each([
    ["1 node", 1],
    ["2 nodes", 2],
    ["4 nodes", 4],
  ])("%s: each Service is updated once", async (_, count) => {
    const names = ["a", "b", "c"];
    const { bench, running } = await serving(names);
    for (let i = 0; i < count; i++) bench.api.createNode(`node${3 + i}`);
    await sweep(bench);
    expect(bench.world.mutations.toSorted()).toEqual(updates(...names));
    await running.stop();
  });

  it.each([
    ["3 workers", 3],
    ["1 worker", 1],
  ])("error during sync with %s: all keys are retried", async (_, workers) => {
    const names = ["a", "b", "c"];
    let failures = names.length;
    const { bench, running } = await serving(names, {
      workers,
      hook: (step, when) => {
        if (when === "before" && isUpdate(step) && failures-- > 0) throw new Error("no luck");
      },
    });
    bench.api.createNode("node3");
    await sweep(bench);
    expect(bench.world.mutations).toEqual([]);
    bench.clock.advance(1000);
    await bench.settled();
    expect(bench.world.mutations.toSorted()).toEqual(updates(...names));
    await running.stop();
  });
});

it("TestSlowNodeSync: a slow sweep never writes older nodes over newer ones", async () => {
  const gate = Promise.withResolvers<void>();
  const written: string[] = [];
  const { bench, running } = await serving(["slow", "web"], {
    hook: async (step, when) => {
      if (!isUpdate(step)) return;
      if (when === "before" && step.id === "uid-slow/targets") await gate.promise;
      if (when === "after" && step.id === "uid-web/targets") written.push(targetsOf(bench, "web") ?? "");
    },
  });
  bench.api.createNode("node3");
  await sweep(bench);
  bench.api.createNode("node4");
  await sweep(bench);
  // While the first sweep is still at work on the other.
  expect(written).toEqual(["node1,node2,node3", "node1,node2,node3,node4"]);
  gate.resolve();
  await bench.settled();
  expect(["slow", "web"].map((name) => targetsOf(bench, name))).toEqual(Array(2).fill("node1,node2,node3,node4"));
  expect(written).toHaveLength(2);
  await running.stop();
});

it("CCM bug: lastSyncedNodes was stored before success: what failed is not taken as done, though nodes stay", async () => {
  let failing = true;
  const { bench, running } = await serving(["web"], {
    hook: (step, when) => {
      if (when === "before" && isUpdate(step) && failing) throw new Error("no luck");
    },
  });
  bench.api.createNode("node3");
  await sweep(bench);
  await running.stop();
  failing = false;
  const again = bench.start();
  await bench.until(() => targetsOf(bench, "web") === "node1,node2,node3", "it is made good after a restart too");
  await again.stop();
});

it("CCM bug: failed node sweeps came back without a back-off: each Service waits longer after each failure", async () => {
  const tries: number[] = [];
  const { bench, running } = await serving(["web"], {
    hook: (step, when) => {
      if (when !== "before" || !isUpdate(step)) return;
      tries.push(bench.clock.monotonic());
      throw new Error("no luck");
    },
  });
  bench.api.createNode("node3");
  await sweep(bench);
  await bench.clock.run(60_000);
  const waits = tries.slice(1).map((at, i) => at - (tries[i] ?? 0));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
  await running.stop();
});

it("A8: 500 nodes that join within 30 s: at most 3 target updates and 6 plans for each of 50 Services", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `web${i}`);
  const plans = new Map<string, number>();
  class Counted extends MemoryProvider {
    override plan(...args: Parameters<MemoryProvider["plan"]>): ReturnType<MemoryProvider["plan"]> {
      const [key] = args;
      if (key.kind === "service") plans.set(key.id.name, (plans.get(key.id.name) ?? 0) + 1);
      return super.plan(...args);
    }
  }
  const bench = new Bench();
  for (const name of names) bench.api.createService(name);
  const running = bench.start({ providers: [new Counted(bench.world)], pool: ["10.9.0.0/24"] });
  for (const name of names) await bench.ready(name);
  bench.world.mutations.length = 0;
  plans.clear();
  for (let i = 1; i <= 500; i++) {
    bench.api.createNode(`node${2 + i}`);
    if (i % 5 !== 0) continue;
    await bench.settled();
    bench.clock.advance(300);
  }
  await sweep(bench);
  expect(names.filter((name) => targetsOf(bench, name)?.split(",").length !== 502)).toEqual([]);
  bench.clock.advance(10_000);
  await bench.settled();
  // Nothing but targets was written, which is one plan before and one after each.
  const written = names.map((name) => bench.world.mutations.filter((text) => text === `update uid-${name}/targets`));
  expect(written.flat()).toHaveLength(bench.world.mutations.length);
  expect(Math.max(...written.map(({ length }) => length))).toBeLessThanOrEqual(3);
  expect(Math.max(...plans.values())).toBeLessThanOrEqual(6);
  await running.stop();
});
