import { expect, it, vi } from "vitest";
import { annotations } from "../api/index.ts";
import { ProviderError, RequestBudget } from "../provider/index.ts";
import { MemoryProvider, type StepHook } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

it("/debug/state tells what the leader believes: queues, provider, and each Service with what it awaits", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const budget = new RequestBudget({ write: { perSecond: 10, burst: 1 } }, bench.clock);
  const failing: StepHook = ({ id }) => {
    if (id === "uid-api/address") throw new ProviderError({ kind: "quota", limit: "addresses" }, "no more addresses");
  };
  const provider = new MemoryProvider(bench.world, { hook: failing });
  const running = bench.start({ providers: [provider], budgets: new Map([["memory", budget]]) });
  await bench.ready("web");
  bench.api.createService("api");
  await bench.until(() => bench.condition("api", "programmed").startsWith("False"), "it is told");
  await bench.settled();
  budget.bucketOf("write")?.take();
  bench.clock.advance(1000);
  budget.bucketOf("write")?.take();
  const at = (ms: number): string => new Date(bench.clock.now() + ms).toISOString().replace(/\.\d+/, "");
  expect(running.state()).toEqual({
    leading: true,
    clusterId: "cluster-1",
    caches: {
      services: { synced: true, size: 2 },
      nodes: { synced: true, size: 2 },
      classes: { synced: true, size: 0 },
      namespaces: expect.objectContaining({ synced: true }),
      pools: { synced: true, size: 0 },
      records: { synced: true, size: 0, failure: "the server could not find the resource" },
    },
    queues: {
      services: {
        depth: 0,
        ready: [],
        working: [],
        waiting: [
          { key: "default/api", priority: 0, inSeconds: 299 },
          { key: "default/web", priority: -200, inSeconds: 599 },
        ],
      },
      scopes: { depth: 0, ready: [], working: [], waiting: [] },
      leftovers: { depth: 0, ready: [], working: [], waiting: [] },
      classes: { depth: 0, ready: [], working: [], waiting: [] },
    },
    providers: {
      memory: {
        circuit: { open: false, pauses: [] },
        buckets: { write: { perSecond: 10, burst: 1, waitSeconds: 0.1 } },
        snapshotAgeSeconds: null,
      },
    },
    services: {
      total: 2,
      items: [
        {
          service: "default/api",
          uid: "uid-api",
          class: "berth.dev/memory",
          providers: ["memory"],
          addresses: [],
          targets: { ready: 0, total: 0 },
          lastPlan: {
            summary: expect.stringContaining("create uid-api/address"),
            hash: expect.any(String),
            steps: 3,
            at: at(-1000),
          },
          lastError: {
            kind: "quota",
            reason: "QuotaExceeded",
            message: "uid-api/address: no more addresses; raise the limit addresses",
            at: at(-1000),
          },
          awaiting: {
            what: "uid-api/address: no more addresses; raise the limit addresses",
            reason: "QuotaExceeded",
            since: at(-1000),
          },
          nextTryAt: at(299_000),
        },
        {
          service: "default/web",
          uid: "uid-web",
          class: "berth.dev/memory",
          providers: ["memory"],
          addresses: ["192.0.2.1"],
          targets: { ready: 2, total: 2 },
          lastPlan: {
            summary: expect.stringContaining("create uid-web/address"),
            hash: expect.any(String),
            steps: 3,
            at: at(-1000),
          },
          lastError: null,
          awaiting: null,
          nextTryAt: null,
        },
      ],
    },
  });
  expect(running.state("service=default/web")).toMatchObject({
    services: { total: 2, items: [{ service: "default/web" }] },
  });
  await running.stop();
  expect(running.state()).toMatchObject({ leading: false, queues: {} });
});

it("/debug/state shows a circuit that is open, and keys that are ready by priority", async () => {
  const bench = new Bench();
  const names = ["a", "b", "c", "d", "e", "f"];
  for (const name of names) bench.api.createService(name);
  const gate = Promise.withResolvers<void>();
  const slowDown = new ProviderError({ kind: "throttled", scope: "account", retryAfterMs: 7000 }, "slow down");
  const provider = new MemoryProvider(bench.world, {
    hook: async (_, when) => {
      if (when === "after") return;
      await gate.promise;
      throw slowDown;
    },
  });
  const running = bench.start({ providers: [provider] });
  await bench.settled();
  bench.api.createService("urgent");
  await bench.settled();
  // The bench has four workers.
  expect(running.state()).toMatchObject({
    queues: {
      services: {
        depth: 3,
        ready: [
          { priority: 0, keys: ["default/urgent"] },
          { priority: -100, keys: ["default/e", "default/f"] },
        ],
        working: ["default/a", "default/b", "default/c", "default/d"],
      },
    },
    providers: { memory: { circuit: { open: false } } },
  });
  gate.resolve();
  await bench.settled();
  bench.clock.advance(1000);
  expect(running.state()).toMatchObject({
    providers: {
      memory: { circuit: { open: true, pauses: [{ scope: "account", leftSeconds: 6, relapses: 0 }] } },
    },
  });
  await running.stop();
});

it("/debug/state shows a Service that leaves, and nothing that annotations hold", async () => {
  const bench = new Bench();
  const secret = "s3cret";
  const kept = { "example.com/token": secret, [annotations.paused]: secret };
  bench.api.createService("web", {}, { annotations: kept });
  bench.api.createService("foreign", { loadBalancerClass: "example.com/other" });
  const provider = new MemoryProvider(bench.world, {
    hook: ({ action }) => {
      if (action === "delete") throw new Error("no luck");
    },
  });
  const running = bench.start({ providers: [provider] });
  await bench.ready("web");
  bench.api.deleteService("web");
  await bench.settled();
  expect(running.state()).toMatchObject({
    services: { total: 1, items: [{ service: "default/web", leaving: "deleted", providers: ["memory"] }] },
  });
  expect(JSON.stringify(running.state())).not.toContain(secret);
  await running.stop();
});

it("cache sync timeout, instead of an error: it is not ready, naming what is missing; warm standby: it is ready and knows all before it leads, and lists nothing when it does", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const first = bench.start();
  const asked = [
    vi.spyOn(bench.api.client, "list"),
    vi.spyOn(bench.api.client, "listAll"),
    vi.spyOn(bench.api.client, "watch"),
  ];
  const standby = bench.start({ standby: true });
  const needed = ["Service", "Node", "LoadBalancerClass", "Namespace", "IPAddressPool"];
  expect(standby.controller.missing).toEqual(needed.map((kind) => ({ kind, why: undefined })));
  await bench.ready("web");
  expect(standby.controller.missing).toEqual([]);
  expect(standby.state()).toMatchObject({
    leading: false,
    queues: {},
    services: { total: 1, items: [{ service: "default/web", class: "berth.dev/memory", providers: ["memory"] }] },
  });
  await first.stop();
  bench.api.createService("later");
  await bench.settled();
  expect(bench.condition("later", "ready")).toBe("");
  const before = asked.map(({ mock }) => mock.calls.length);
  standby.win();
  await bench.ready("later");
  expect(standby.state()).toMatchObject({ leading: true, services: { total: 2 } });
  expect(asked.map(({ mock }) => mock.calls.length)).toEqual(before);
  expect(before.some((count) => count > 0)).toBe(true);
  await standby.stop();
});
