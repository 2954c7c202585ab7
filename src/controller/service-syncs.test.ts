// What becomes of one Service, by the scenarios of upstream's service controller, whose names the titles bear, and by
// the mistakes that were found in it.
import { describe, expect, it } from "vitest";
import type { Protocol } from "../api/index.ts";
import { KubeApiError } from "../kube/index.ts";
import { ProviderError, type StepResult } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

async function counted(running: Running, name: string): Promise<number> {
  const text = await running.metrics.getSingleMetricAsString(name);
  return Number(/^\w+(?:\{(?:controller|name)="service"\})? (\d+)$/m.exec(text)?.[1]);
}

describe("TestSyncLoadBalancerIfNeeded", () => {
  it("service doesn't want LB: nothing is written", async () => {
    const bench = new Bench();
    bench.api.createService("web", { type: "ClusterIP" });
    const running = bench.start();
    await bench.settled();
    expect([...bench.api.writes, ...bench.events, ...bench.world.mutations]).toEqual([]);
    expect(bench.world.observations).toBe(0);
    await running.stop();
  });

  it.each<[string, Protocol]>([
    ["tcp", "TCP"],
    ["udp", "UDP"],
    ["sctp", "SCTP"],
  ])("%s service that wants LB", async (_, protocol) => {
    const bench = new Bench();
    bench.api.createService("web", { ports: [{ port: 80, protocol, nodePort: 30_080 }] });
    const capabilities = { protocols: ["TCP", "UDP", "SCTP"] as const };
    const running = bench.start({ providers: [new MemoryProvider(bench.world, { capabilities })] });
    await bench.ready("web");
    expect(bench.world.mutations).toContain(`create uid-web/${protocol}-80`);
    expect(bench.api.service("web")?.status?.loadBalancer?.ingress?.[0]?.ports).toEqual([{ port: 80, protocol }]);
    await running.stop();
  });
});

it("TestProcessServiceCreateOrUpdateK8sError, not found: a Service that goes under the write is no failure", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  bench.api.onWrite = () => {
    bench.api.onWrite = () => {};
    bench.api.updateService("web", { metadata: { finalizers: null, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    throw new KubeApiError({ code: 404, reason: "NotFound", message: "web not found" });
  };
  const running = bench.start();
  await bench.until(() => bench.api.service("web") === undefined, "it goes");
  await bench.settled();
  expect([...bench.api.writes, ...bench.events, ...bench.world.mutations]).toEqual([]);
  expect(await counted(running, "controller_runtime_reconcile_errors_total")).toBe(0);
  await running.stop();
});

it("TestSyncService, unknown key: a Service that went before its turn came is asked nothing about", async () => {
  const bench = new Bench();
  bench.api.createService("busy");
  const gate = Promise.withResolvers<void>();
  const running = bench.start({
    workers: 1,
    providers: [new MemoryProvider(bench.world, { hook: () => gate.promise })],
  });
  await bench.until(() => bench.world.observations === 1, "the only worker is busy");
  bench.api.createService("web");
  await bench.settled();
  expect(running.state()).toMatchObject({ queues: { services: { ready: [{ keys: ["default/web"] }] } } });
  bench.api.updateService("web", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } });
  await bench.settled();
  gate.resolve();
  await bench.ready("busy");
  expect(running.state()).toMatchObject({ queues: { services: { ready: [] } } });
  expect([...bench.api.writes, ...bench.events, ...bench.world.mutations].join()).not.toContain("web");
  expect(await counted(running, "controller_runtime_reconcile_errors_total")).toBe(0);
  await running.stop();
});

describe("TestServiceQueueDelay", () => {
  const calls: readonly [string, () => StepResult | undefined, number, number][] = [
    ["processing successful: no retry, only the next drift check", () => undefined, 600, 0],
    [
      "regular error: one retry, with back-off",
      () => {
        throw new Error("something went wrong");
      },
      1,
      1,
    ],
    [
      "retry error: after the 42 s that were asked for, without a retry that counts",
      () => ({ state: "pending", what: "LB create in progress", pollAfterMs: 42_000 }),
      42,
      0,
    ],
  ];

  it.each(calls)("%s", async (_, call, inSeconds, retries) => {
    const bench = new Bench();
    bench.api.createService("web");
    class Told extends MemoryProvider {
      override async apply(...args: Parameters<MemoryProvider["apply"]>): Promise<StepResult> {
        return call() ?? (await super.apply(...args));
      }
    }
    const running = bench.start({ providers: [new Told(bench.world)] });
    await bench.until(() => bench.condition("web", "programmed") !== "", "it was worked on");
    await bench.settled();
    expect(running.state()).toMatchObject({
      queues: { services: { depth: 0, waiting: [{ key: "default/web", inSeconds }] } },
    });
    expect(await counted(running, "workqueue_retries_total")).toBe(retries);
    await running.stop();
  });
});

describe("TestServiceCache, CCM bug: lastSyncedNodes was never pruned: what is gone leaves nothing behind", () => {
  it("a Service of the same name and UID is served as if there had never been one", async () => {
    const bench = new Bench();
    const running = bench.start();
    const made: string[][] = [];
    for (let life = 0; life < 2; life++) {
      bench.world.mutations.length = 0;
      bench.api.createService("web");
      await bench.ready("web");
      made.push([...bench.world.mutations]);
      bench.api.deleteService("web");
      await bench.until(() => bench.api.service("web") === undefined, "it goes");
      await bench.settled();
    }
    expect(made[1]).toEqual(made[0]);
    expect(bench.world.objects.size).toBe(0);
    const { queues, services } = running.state() as { queues: { services: object }; services: object };
    expect(services).toMatchObject({ total: 0, items: [] });
    expect(queues.services).toMatchObject({ depth: 0, working: [] });
    const states = await running.metrics.getSingleMetricAsString("lb_service_state");
    expect(states).not.toMatch(/\} [1-9]/);
    await running.stop();
  });

  it.each<[string, () => Error, number[]]>([
    [
      "conflicts",
      () => new KubeApiError({ code: 409, reason: "Conflict", message: "the object has been modified" }),
      [200, 400, 800],
    ],
    ["failures", () => new KubeApiError({ code: 500, reason: "InternalError", message: "no luck" }), [1000]],
  ])("nor do its %s make the next one of its name wait longer", async (_, error, expected) => {
    const bench = new Bench();
    const tries: number[] = [];
    bench.api.onWrite = (_, body) => {
      // The finalizer; what is told of its refusal is refused as well.
      if ("metadata" in body) tries.push(bench.clock.monotonic());
      throw error();
    };
    const running = bench.start();
    const waits: number[][] = [];
    for (let life = 0; life < 2; life++) {
      tries.length = 0;
      bench.api.createService("web", {}, { uid: `uid-${life}` });
      await bench.settled();
      await bench.clock.run(2999);
      waits.push(tries.slice(1).map((at, i) => at - (tries[i] ?? 0)));
      bench.api.updateService("web", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } });
      await bench.settled();
    }
    expect(waits).toEqual([expected, expected]);
    await running.stop();
  });
});

describe("CCM bug", () => {
  it("delete was skipped when the load balancer seems to be absent although parts of it remain: all parts go", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    bench.world.objects.delete("uid-web/address");
    bench.api.deleteService("web");
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.objects.size).toBe(0);
    expect(bench.world.mutations.slice(-2)).toEqual(["delete uid-web/TCP-80", "delete uid-web/targets"]);
    await running.stop();
  });

  it("errors were compared by identity: each error of a class is treated alike, whoever made it", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    let left = 2;
    const hook = (): void => {
      // A new one each time, with a cause of its own.
      const cause = new Error(`request ${left}`);
      if (left-- > 0) throw new ProviderError({ kind: "forbidden", action: "lb:Create" }, "no luck", { cause });
    };
    const running = bench.start({ providers: [new MemoryProvider(bench.world, { hook })] });
    await bench.until(() => bench.condition("web", "programmed") === "False Forbidden", "it is told");
    await bench.settled();
    const { observations } = bench.world;
    bench.clock.advance(299_999);
    await bench.settled();
    expect(bench.world.observations).toBe(observations);
    bench.clock.advance(1);
    await bench.settled();
    bench.clock.advance(300_000);
    await bench.until(() => bench.condition("web", "programmed") === "True Programmed", "it is made good");
    expect(await counted(running, "workqueue_retries_total")).toBe(0);
    await running.stop();
  });

  it("cloud calls could not be cancelled: the end of the controller aborts one that hangs after 1.5 s (A14: exit < 2 s)", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const hanging = Promise.withResolvers<AbortSignal>();
    class Hangs extends MemoryProvider {
      override async apply(...[, , signal]: Parameters<MemoryProvider["apply"]>): Promise<never> {
        hanging.resolve(signal);
        return await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      }
    }
    const running = bench.start({ providers: [new Hangs(bench.world)] });
    const signal = await hanging.promise;
    const stopped = running.stop();
    await bench.settled();
    // What is at hand gets a moment to end by itself.
    bench.clock.advance(1499);
    expect(signal.aborted).toBe(false);
    bench.clock.advance(1);
    expect(signal.aborted).toBe(true);
    await stopped;
  });

  it("the sync counter missed ensures: whatever configures a load balancer counts, the first time too", async () => {
    const bench = new Bench();
    const syncs = "service_controller_loadbalancer_sync_total";
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    expect(await counted(running, syncs)).toBe(1);
    bench.api.updateService("web", { spec: { ports: [{ port: 81, protocol: "TCP", nodePort: 30_081 }] } });
    await bench.settled();
    expect(await counted(running, syncs)).toBe(2);
    bench.api.createNode("node3");
    await bench.settled();
    bench.clock.advance(1000);
    await bench.settled();
    expect(await counted(running, syncs)).toBe(3);
    await running.stop();
  });

  it("cachedService.state was read and written at once by many: a Service that is edited during its sync ends as edited", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const ports = (port: number): object[] => [{ name: "http", port, protocol: "TCP", nodePort: 30_000 + port }];
    let edits = 0;
    let atWork = 0;
    const hook = async (_: unknown, when: "before" | "after"): Promise<void> => {
      atWork += when === "before" ? 1 : -1;
      expect(atWork).toBeLessThanOrEqual(1);
      if (when === "before" && edits < 5) bench.api.updateService("web", { spec: { ports: ports(81 + edits++) } });
      await bench.settled();
    };
    const running = bench.start({ providers: [new MemoryProvider(bench.world, { hook })] });
    await bench.until(
      () => bench.api.service("web")?.status?.loadBalancer?.ingress?.[0]?.ports?.[0]?.port === 85,
      "the last edit holds",
    );
    await bench.settled();
    expect([...bench.world.objects.keys()].toSorted()).toEqual([
      "uid-web/TCP-85",
      "uid-web/address",
      "uid-web/targets",
    ]);
    await running.stop();
  });
});

it("reconcile not called before initial handlers ran: nothing is asked or written until all that is known is known", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const gate = Promise.withResolvers<void>();
  const { watch } = bench.api.client;
  const late: typeof watch = async function* (...args: Parameters<typeof watch>) {
    if (args[0].endsWith("/nodes")) await gate.promise;
    yield* watch<never>(...args);
  };
  Object.assign(bench.api.client, { watch: late });
  const running = bench.start();
  await bench.settled();
  expect(running.controller.missing).toEqual([{ kind: "Node", why: undefined }]);
  expect([...bench.api.writes, ...bench.events, ...bench.world.mutations]).toEqual([]);
  expect([bench.world.lists, bench.world.snapshots, bench.world.observations]).toEqual([0, 0, 0]);
  gate.resolve();
  await bench.ready("web");
  expect(bench.world.objects.get("uid-web/targets")?.value).toBe("node1,node2");
  await running.stop();
});
