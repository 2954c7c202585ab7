import { expect, it } from "vitest";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

const aspects = ["accepted", "programmed", "ready", "degraded", "portsError"] as const;
const shared = "service.kubernetes.io/load-balancer-cleanup";
const own = "memory.berth.dev/resources";

it("TestSyncService, valid service that wants LB: finalizer, then load balancer, then status, in two writes", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const provider = new MemoryProvider(bench.world, {
    hook: () => expect(bench.finalizers("web")).toEqual([own]),
  });
  const running = bench.start({ providers: [provider] });
  await bench.ready("web");
  expect(bench.api.service("web")?.status?.loadBalancer).toEqual({
    ingress: [{ ip: "192.0.2.1", ipMode: "Proxy", ports: [{ port: 80, protocol: "TCP" }] }],
  });
  expect(aspects.map((aspect) => bench.condition("web", aspect))).toEqual([
    "True Accepted",
    "True Programmed",
    "True TargetsReady",
    "False NotDegraded",
    "",
  ]);
  expect(bench.api.writes.length).toBe(2);
  expect(bench.events).toEqual([
    "Normal EnsuringLoadBalancer default/web: Ensuring load balancer",
    "Normal EnsuredLoadBalancer default/web: Ensured load balancer",
  ]);
  expect(bench.world.mutations).toEqual(["create uid-web/address", "create uid-web/TCP-80", "create uid-web/targets"]);
  await running.stop();
});

it("A1, rule 3: a restart with 1,000 unchanged Services writes nothing and asks the provider twice", {
  timeout: 60_000,
}, async () => {
  const bench = new Bench();
  const pool = ["10.9.0.0/16"];
  const names = Array.from({ length: 1000 }, (_, i) => `web${i}`);
  for (const name of names) bench.api.createService(name);
  const first = bench.start({ pool });
  await bench.until(
    () => names.every((name) => bench.condition(name, "ready") === "True TargetsReady"),
    "all are ready",
  );
  await first.stop();
  const written = (): number[] => [bench.api.writes.length, bench.events.length, bench.world.mutations.length];
  const { snapshots, observations, lists } = bench.world;
  const before = written();
  const second = bench.start({ pool });
  const reconciles = async (): Promise<string> =>
    await second.metrics.getSingleMetricAsString("controller_runtime_reconcile_total");
  let text = "";
  for (let i = 0; i < 5000 && !text.includes('result="requeue_after"} 1000'); i++) {
    await bench.settled();
    text = await reconciles();
  }
  expect(text).toContain('{controller="service",result="requeue_after"} 1000');
  expect(written()).toEqual(before);
  // What it owns, and one batch for all of them.
  expect([bench.world.lists - lists, bench.world.snapshots - snapshots]).toEqual([1, 1]);
  expect(bench.world.observations).toBe(observations);
  await second.stop();
});

it("its own writes are no news: a Service is not reconciled again for them", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  // Before and after the steps; a third time would mean that something came back.
  expect(bench.world.observations).toBe(2);
  await running.stop();
});

it("TestSyncLoadBalancerIfNeeded, TestAddFinalizer: service with finalizer that wants LB: no second finalizer patch", async () => {
  const bench = new Bench();
  bench.api.createService("web", {}, { finalizers: ["example.com/other", own] });
  const running = bench.start();
  await bench.ready("web");
  expect(bench.api.writes.length).toBe(1);
  expect(bench.finalizers("web")).toEqual(["example.com/other", own]);
  await running.stop();
});

it("service without class: both finalizers, only when it is ours", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  bench.api.updateService("web", { spec: { loadBalancerClass: null } });
  const without = bench.start();
  await bench.settled();
  expect(bench.api.writes).toEqual([]);
  await without.stop();
  const running = bench.start({ unclassed: "memory" });
  await bench.ready("web");
  expect(bench.finalizers("web")).toEqual([own, shared]);
  bench.api.deleteService("web");
  await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
  expect(bench.world.objects.size).toBe(0);
  await running.stop();
});

it("TestSyncLoadBalancerIfNeeded: service specifies loadBalancerClass of another controller: nothing is written, it is counted", async () => {
  const bench = new Bench();
  bench.api.createService("web", { loadBalancerClass: "example.com/other" });
  const running = bench.start();
  await bench.settled();
  expect([...bench.api.writes, ...bench.events, ...bench.world.mutations]).toEqual([]);
  expect(await running.metrics.getSingleMetricAsString("berth_services_ignored_total")).toContain('{cause="class"} 1');
  await running.stop();
});

it("TestSyncLoadBalancerIfNeeded, CCM bug: status was cleared after the finalizer: service that needs cleanup loses all in one write", async () => {
  const bench = new Bench();
  bench.api.createService("web", {}, { finalizers: ["example.com/other"] });
  const running = bench.start();
  await bench.ready("web");
  const writes = bench.api.writes.length;
  bench.api.deleteService("web");
  await bench.until(() => bench.finalizers("web").length === 1, "our finalizer goes");
  expect(bench.api.service("web")?.status).toEqual({ loadBalancer: {} });
  expect(bench.api.writes.length).toBe(writes + 1);
  expect(bench.world.objects.size).toBe(0);
  expect(bench.world.mutations.slice(-3)).toEqual([
    "delete uid-web/TCP-80",
    "delete uid-web/targets",
    "delete uid-web/address",
  ]);
  expect(bench.events.slice(-2)).toEqual([
    "Normal DeletingLoadBalancer default/web: Deleting load balancer",
    "Normal DeletedLoadBalancer default/web: Deleted load balancer",
  ]);
  await running.stop();
});

it("A13, CCM bug: DeletedLoadBalancer for nothing: delete with the load balancer already gone: the Service disappears, without an event", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  bench.world.objects.clear();
  const events = bench.events.length;
  bench.api.deleteService("web");
  await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
  await bench.settled();
  expect(bench.events.length).toBe(events);
  await running.stop();
});

it("A6, CCM bug: deletionTimestamp without finalizer went to ensure: such a Service gets no write", async () => {
  const bench = new Bench();
  bench.api.createService("web", {}, { finalizers: ["example.com/other"], deletionTimestamp: "2026-01-01T00:00:00Z" });
  const running = bench.start();
  await bench.settled();
  expect([...bench.api.writes, ...bench.events, ...bench.world.mutations]).toEqual([]);
  await running.stop();
});

it("TestSyncLoadBalancerIfNeeded: service with finalizer that no longer wants LB is cleaned up, and the way back makes a new load balancer", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  // As the API server does on a type change: class and ingress are wiped, conditions are not.
  bench.api.updateService("web", {
    spec: { type: "ClusterIP", loadBalancerClass: null },
    status: { loadBalancer: null },
  });
  await bench.until(() => bench.finalizers("web").length === 0, "our finalizer goes");
  expect(bench.api.service("web")?.status?.conditions).toBeUndefined();
  expect(bench.world.objects.size).toBe(0);
  bench.api.updateService("web", { spec: { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory" } });
  await bench.ready("web");
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  await running.stop();
});

it("A5, CCM bug: class and finalizer together were no cleanup: type and class changed while we were down: cleaned up, and what the other controller wrote stays", async () => {
  const bench = new Bench();
  bench.api.createService("web", {}, { finalizers: [shared] });
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  const foreign = { type: "example.com/Fine", status: "True", reason: "Fine", message: "", lastTransitionTime: "x" };
  const ingress = [{ hostname: "other.example.com" }];
  bench.api.updateService("web", {
    metadata: { finalizers: [shared, own, "example.com/lb"] },
    spec: { loadBalancerClass: "example.com/other" },
    status: {
      loadBalancer: { ingress },
      conditions: [foreign, ...(bench.api.service("web")?.status?.conditions ?? [])],
    },
  });
  const second = bench.start();
  await bench.until(() => bench.world.objects.size === 0, "the load balancer goes");
  await bench.settled();
  expect(bench.finalizers("web")).toEqual([shared, "example.com/lb"]);
  expect(bench.api.service("web")?.status).toEqual({ loadBalancer: { ingress }, conditions: [foreign] });
  await second.stop();
});

it("class change between two of our providers: the old one lets go first, then the new one takes it", async () => {
  const bench = new Bench();
  bench.api.createService("web", { loadBalancerClass: "berth.dev/a" });
  const providers = ["a", "b"].map((name) => new MemoryProvider(bench.world, { name }));
  const first = bench.start({ providers });
  await bench.ready("web");
  await first.stop();
  bench.api.updateService("web", { spec: { loadBalancerClass: "berth.dev/b" }, status: { loadBalancer: null } });
  const second = bench.start({ providers });
  await bench.until(() => bench.finalizers("web").includes("b.berth.dev/resources"), "b takes it");
  await bench.ready("web");
  expect(bench.finalizers("web")).toEqual(["b.berth.dev/resources"]);
  expect(bench.world.mutations.filter((text) => text.startsWith("delete")).length).toBe(3);
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  await second.stop();
});

it("other flags than before: what is served no more stays as it is, until it is deleted", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  const before = bench.world.fingerprint();
  const second = bench.start({ classes: new Map([["memory", "example.com/new"]]) });
  await bench.until(() => bench.condition("web", "accepted") === "False ClassNotServed", "it is told");
  await bench.settled();
  expect(bench.world.fingerprint()).toBe(before);
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  bench.api.deleteService("web");
  await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
  expect(bench.world.objects.size).toBe(0);
  await second.stop();
});

it("A3: status cleared by hand is restored, foreign conditions stay", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  const status = bench.api.service("web")?.status;
  const foreign = { type: "example.com/Fine", status: "True", reason: "Fine", message: "", lastTransitionTime: "x" };
  bench.api.updateService("web", { status: { loadBalancer: null, conditions: [foreign] } });
  await bench.ready("web");
  expect(bench.api.service("web")?.status).toEqual({
    loadBalancer: status?.loadBalancer,
    conditions: [foreign, ...(status?.conditions ?? [])],
  });
  await running.stop();
});

it("A4: what is broken outside is mended within the drift period", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  bench.world.objects.delete("uid-web/TCP-80");
  const writes = bench.api.writes.length;
  bench.clock.advance(599_000);
  await bench.settled();
  expect(bench.world.objects.has("uid-web/TCP-80")).toBe(false);
  bench.clock.advance(2000);
  await bench.until(() => bench.world.objects.has("uid-web/TCP-80"), "the listener is back");
  await bench.settled();
  expect(bench.api.writes.length).toBe(writes);
  expect(bench.events.at(-1)).toBe(
    "Normal UpdatedLoadBalancer default/web: Updated load balancer: create uid-web/TCP-80",
  );
  expect(await running.metrics.getSingleMetricAsString("lb_drift_detected_total")).toContain('{provider="memory"} 1');
  await running.stop();
});

it("a change of ports changes just that", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  const before = bench.world.mutations.length;
  const ports = [
    { name: "http", port: 80, protocol: "TCP", nodePort: 30_080 },
    { name: "dns", port: 53, protocol: "UDP", nodePort: 30_053 },
  ];
  bench.api.updateService("web", { spec: { ports } });
  await bench.until(
    () => bench.api.service("web")?.status?.loadBalancer?.ingress?.[0]?.ports?.length === 2,
    "two ports",
  );
  expect(bench.world.mutations.slice(before)).toEqual(["create uid-web/UDP-53"]);
  await running.stop();
});

it("TestNeedsUpdate, UID is different: recreated Service of the same name: the old load balancer is told of, the new one has its own", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  bench.api.updateService("web", { metadata: { finalizers: null } });
  bench.api.deleteService("web");
  bench.api.createService("web", {}, { uid: "uid-new" });
  const second = bench.start();
  await bench.ready("web");
  bench.clock.advance(600_000);
  await bench.until(() => bench.eventReasons().includes("Warning OrphanedLoadBalancer"), "the old one is told of");
  expect(bench.world.objects.has("uid-web/address")).toBe(true);
  expect(bench.addresses("web")).toEqual(["192.0.2.2"]);
  await second.stop();
});

it("TestProcessServiceDeletion, success: finalizer removed by hand and deleted while we run: the load balancer goes all the same, its address is free", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  bench.api.updateService("web", { metadata: { finalizers: null, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  await bench.until(() => bench.world.objects.size === 0, "the load balancer goes");
  await bench.settled();
  bench.api.createService("next");
  await bench.ready("next");
  expect(bench.addresses("next")).toEqual(["192.0.2.1"]);
  await running.stop();
});

it("a Service that went while we were down: only ours is torn down, where that is allowed", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  bench.api.createService("other");
  const elsewhere = bench.start({ clusterId: "cluster-2" });
  await bench.ready("other");
  await elsewhere.stop();
  for (const name of ["web", "other"]) {
    bench.api.updateService(name, { metadata: { finalizers: null } });
    bench.api.deleteService(name);
  }
  const second = bench.start({ orphans: { deletes: true, graceMs: 0 } });
  await bench.settled();
  bench.clock.advance(600_000);
  await bench.until(() => ![...bench.world.objects.keys()].some((name) => name.startsWith("uid-web/")), "ours goes");
  await bench.settled();
  expect([...bench.world.objects.keys()]).toContain("uid-other/address");
  await second.stop();
});
