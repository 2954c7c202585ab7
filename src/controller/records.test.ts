import { describe, expect, it } from "vitest";
import {
  annotations,
  type LoadBalancerRecord,
  type LoadBalancerRecordStatus,
  loadBalancerRecords,
} from "../api/index.ts";
import { KubeApiError } from "../kube/index.ts";
import { type Fault, ProviderError } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

const withRecords = { records: true } as const;

function record(bench: Bench, name = "web"): LoadBalancerRecord | undefined {
  return bench.api.object(loadBalancerRecords, `default/${name}`);
}

function status(bench: Bench, name = "web"): LoadBalancerRecordStatus {
  return record(bench, name)?.status ?? {};
}

function recordWrites(bench: Bench): readonly string[] {
  return bench.api.writes.filter((text) => text.includes(loadBalancerRecords.plural));
}

/** Lets what is to be written be written. */
async function written(bench: Bench): Promise<void> {
  await bench.settled();
  await bench.clock.run(1000);
  await bench.settled();
}

/** Seconds from the beginning of the test. */
function seconds(bench: Bench, text: string | undefined): number {
  return (Date.parse(text ?? "") - bench.clock.now() + bench.clock.monotonic()) / 1000;
}

/** A provider whose steps fail as long as `faults` says so. */
function failing(bench: Bench, faults: { now: Fault | undefined; message?: string }): MemoryProvider {
  const hook = (): void => {
    if (faults.now !== undefined) throw new ProviderError(faults.now, faults.message ?? "no luck");
  };
  return new MemoryProvider(bench.world, { hook: (_, when) => (when === "before" ? hook() : undefined) });
}

it("a Record says all of a load balancer that is as it should be, in two writes behind the Service's", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start(withRecords);
  await bench.ready("web");
  expect(recordWrites(bench)).toEqual([]);
  await written(bench);
  expect(bench.api.writes.map((text) => text.slice(0, text.indexOf(":")))).toEqual([
    "services/default/web",
    "services/default/web",
    "loadbalancerrecords/default/web",
    "loadbalancerrecords/default/web",
  ]);
  const at = "2026-01-01T00:00:00Z";
  expect(record(bench)?.metadata).toMatchObject({
    name: "web",
    namespace: "default",
    ownerReferences: [{ apiVersion: "v1", kind: "Service", name: "web", uid: "uid-web", controller: true }],
  });
  expect(status(bench)).toEqual({
    loadBalancerClass: "berth.dev/memory",
    observedServiceHash: expect.stringMatching(/^[0-9a-f]{16}$/),
    addresses: ["192.0.2.1"],
    references: ["uid-web/TCP-80", "uid-web/address", "uid-web/targets"],
    targets: { ready: 2, total: 2 },
    lastPlan: {
      summary: "create uid-web/address, create uid-web/TCP-80, create uid-web/targets",
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      steps: 3,
      at,
    },
    conditions: [
      { type: "Accepted", status: "True", reason: "Accepted" },
      { type: "Programmed", status: "True", reason: "Programmed" },
      { type: "Ready", status: "True", reason: "TargetsReady" },
      { type: "Degraded", status: "False", reason: "NotDegraded" },
    ].map((condition) => ({ ...condition, message: expect.any(String), lastTransitionTime: at })),
  });
  await running.stop();
});

it("A1: 100 Services, none of whose Records is written by drift checks or after a restart", async () => {
  const bench = new Bench();
  const names = Array.from({ length: 100 }, (_, i) => `web${i}`);
  for (const name of names) bench.api.createService(name);
  const options = { ...withRecords, pool: ["192.0.2.0/24"] };
  const first = bench.start(options);
  for (const name of names) await bench.ready(name);
  await written(bench);
  for (const name of names) expect(status(bench, name).conditions).toHaveLength(4);
  const before = [bench.api.writes.length, bench.events.length];
  await bench.clock.run(1_300_000);
  await written(bench);
  expect([bench.api.writes.length, bench.events.length]).toEqual(before);
  await first.stop();
  const second = bench.start(options);
  await written(bench);
  const reconciles = await second.metrics.getSingleMetricAsString("controller_runtime_reconcile_total");
  expect(reconciles).toContain('{controller="service",result="requeue_after"} 100');
  expect([bench.api.writes.length, bench.events.length]).toEqual(before);
  await second.stop();
});

it("a Record names the nodes that are not healthy, 20 at most, and why", async () => {
  const bench = new Bench();
  const nodes = Array.from({ length: 25 }, (_, i) => `node${i + 1}`);
  for (const name of nodes) bench.api.createNode(name);
  bench.api.createService("web");
  const running = bench.start(withRecords);
  await bench.ready("web");
  bench.world.setUnhealthy(...nodes.slice(1));
  await written(bench);
  const { targets, awaiting } = status(bench);
  expect(targets).toMatchObject({ ready: 1, total: 25 });
  expect(targets?.unhealthy).toHaveLength(20);
  expect(targets?.unhealthy?.[0]).toEqual({ node: "node10", reason: "it was told to be unhealthy" });
  expect(awaiting).toBeUndefined();
  bench.world.setUnhealthy(...nodes);
  await written(bench);
  expect(status(bench).awaiting?.reason).toBe("NoHealthyTargets");
  expect(status(bench).nextTryAt).toBeUndefined();
  await running.stop();
});

describe("what a Record says is awaited, why, since when, and the time of the next try", () => {
  it.each<[Fault, number]>([
    [{ kind: "retryable" }, 1],
    [{ kind: "throttled", scope: "account", retryAfterMs: 7000 }, 7],
    [{ kind: "forbidden", action: "lb:Create" }, 300],
    [{ kind: "quota", limit: "lbs" }, 300],
    [{ kind: "conflict", owner: "cluster-2" }, 300],
    [{ kind: "blocked", reason: "BridgeMissing", remedy: "make the bridge" }, 300],
  ])("%o", async (fault, afterSeconds) => {
    const bench = new Bench();
    bench.api.createService("web");
    const faults: Parameters<typeof failing>[1] = { now: fault };
    const running = bench.start({ ...withRecords, providers: [failing(bench, faults)] });
    await bench.until(() => bench.condition("web", "programmed").startsWith("False"), "it fails");
    const reason = bench.condition("web", "programmed").slice("False ".length);
    const message = bench.message("web", "programmed");
    await bench.settled();
    await bench.clock.run(300);
    await bench.settled();
    const { lastError, awaiting, nextTryAt, lastPlan } = status(bench);
    const at = "2026-01-01T00:00:00Z";
    expect(lastError).toEqual({ kind: fault.kind, reason, message, at });
    expect(awaiting).toEqual({ what: message, reason, since: at });
    expect(seconds(bench, nextTryAt)).toBe(afterSeconds);
    expect(lastPlan?.steps).toBe(3);
    faults.now = undefined;
    await bench.clock.run(afterSeconds * 1000);
    await bench.ready("web");
    await written(bench);
    expect(status(bench)).not.toHaveProperty("awaiting");
    expect(status(bench)).not.toHaveProperty("nextTryAt");
    expect(status(bench).lastError).toEqual(lastError);
    await running.stop();
  });

  it("A12: an invalid Service awaits its edit, without a next try", async () => {
    const bench = new Bench();
    bench.api.createService("web", { loadBalancerSourceRanges: ["10.0.0.0/99"] });
    const running = bench.start(withRecords);
    await written(bench);
    expect(status(bench)).toMatchObject({
      awaiting: { reason: "InvalidSourceRanges", what: expect.stringContaining("is no prefix; give ADDRESS/BITS") },
      lastError: { kind: "invalid", reason: "InvalidSourceRanges" },
    });
    expect(status(bench)).not.toHaveProperty("nextTryAt");
    bench.api.updateService("web", { spec: { loadBalancerSourceRanges: ["10.0.0.0/9"] } });
    await bench.ready("web");
    await written(bench);
    expect(status(bench)).not.toHaveProperty("awaiting");
    await running.stop();
  });

  it("no address is free", async () => {
    const bench = new Bench();
    for (const name of ["a", "b"]) bench.api.createService(name);
    const running = bench.start({ ...withRecords, pool: ["192.0.2.1/32"] });
    await written(bench);
    const [loser = ""] = ["a", "b"].filter((name) => bench.addresses(name).length === 0);
    const reason = bench.condition(loser, "programmed").slice("False ".length);
    expect(status(bench, loser).awaiting).toEqual({
      what: bench.message(loser, "programmed"),
      reason,
      since: "2026-01-01T00:00:00Z",
    });
    await running.stop();
  });

  it("a change would replace the address", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start(withRecords);
    await bench.ready("web");
    bench.api.updateService("web", { metadata: { annotations: { [annotations.loadBalancerIps]: "192.0.2.3" } } });
    await bench.until(() => bench.condition("web", "programmed").includes("Replacement"), "it is not done");
    await written(bench);
    expect(status(bench).awaiting).toMatchObject({
      reason: "ReplacementRequired",
      what: expect.stringContaining('set the annotation berth.dev/allow-replace: "true" to allow it'),
    });
    await running.stop();
  });
});

it("many failures alike: the next try is kept to half a minute, the rest is not written again", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const faults: Parameters<typeof failing>[1] = { now: { kind: "retryable" } };
  const running = bench.start({ ...withRecords, providers: [failing(bench, faults)] });
  await written(bench);
  const { lastError, awaiting, lastPlan } = status(bench);
  const before = recordWrites(bench).length;
  const tries = bench.world.observations;
  await bench.clock.run(3_600_000);
  await bench.settled();
  // Back-off doubles up to five minutes.
  expect(bench.world.observations - tries).toBeGreaterThan(15);
  expect(recordWrites(bench).length - before).toBeLessThan(18);
  for (const text of recordWrites(bench).slice(before))
    expect(text).toMatch(/^loadbalancerrecords\/default\/web: \{"status":\{"nextTryAt":"[^"]+"\}\}$/);
  expect(status(bench)).toMatchObject({ lastError, awaiting, lastPlan });
  expect(Date.parse(status(bench).nextTryAt ?? "")).toBeGreaterThan(bench.clock.now() - 30_000);
  await running.stop();
});

it("request ids of a provider stay out of conditions, events and Records", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  let attempt = 0;
  const provider = new MemoryProvider(bench.world, {
    hook: () => {
      const id = `7f3c0a52-${++attempt}`;
      throw new ProviderError({ kind: "retryable" }, `AccessDenied: not now (RequestId: ${id}), request id: ${id}`);
    },
  });
  const running = bench.start({ ...withRecords, providers: [provider] });
  await written(bench);
  await bench.clock.run(60_000);
  await written(bench);
  expect(attempt).toBeGreaterThan(3);
  expect(bench.message("web", "programmed")).toBe("uid-web/address: AccessDenied: not now");
  expect(status(bench).lastError?.message).toBe("uid-web/address: AccessDenied: not now");
  expect([...bench.api.writes, ...bench.events].filter((text) => text.includes("7f3c0a52"))).toEqual([]);
  expect(bench.events.filter((text) => text.startsWith("Warning"))).toHaveLength(1);
  await running.stop();
});

describe("whose a Record is", () => {
  it("a re-made Service with another UID gets a new one", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const first = bench.start(withRecords);
    await bench.ready("web");
    await written(bench);
    await first.stop();
    const old = record(bench)?.metadata.uid;
    bench.api.updateService("web", { metadata: { finalizers: null } });
    bench.api.deleteService("web");
    bench.api.createService("web", {}, { uid: "uid-new" });
    const second = bench.start(withRecords);
    await bench.ready("web");
    await written(bench);
    expect(record(bench)?.metadata.uid).not.toBe(old);
    expect(record(bench)?.metadata.ownerReferences).toMatchObject([{ uid: "uid-new" }]);
    expect(status(bench).addresses).toEqual(bench.addresses("web"));
    await second.stop();
  });

  it("a Service that is ours no more takes its Record away; one that is deleted leaves it to the garbage collector", async () => {
    const bench = new Bench();
    for (const name of ["web", "gone"]) bench.api.createService(name);
    const running = bench.start(withRecords);
    for (const name of ["web", "gone"]) await bench.ready(name);
    await written(bench);
    bench.api.updateService("web", {
      spec: { type: "ClusterIP", loadBalancerClass: null },
      status: { loadBalancer: null },
    });
    bench.api.deleteService("gone");
    await bench.until(() => bench.api.service("gone") === undefined, "the Service goes");
    const before = recordWrites(bench).length;
    await written(bench);
    expect(record(bench)).toBeUndefined();
    expect(record(bench, "gone")).toBeDefined();
    expect(recordWrites(bench).slice(before)).toEqual(["delete loadbalancerrecords/default/web"]);
    await running.stop();
  });

  it("a Service that never had a load balancer takes its Record away too when it wants none any more", async () => {
    const bench = new Bench();
    bench.api.createService("web", { loadBalancerSourceRanges: ["10.0.0.0/99"] });
    const running = bench.start(withRecords);
    await written(bench);
    expect(status(bench).conditions).toMatchObject([{ type: "Accepted", status: "False" }]);
    bench.api.updateService("web", { spec: { type: "ClusterIP", loadBalancerClass: null } });
    await written(bench);
    expect(record(bench)).toBeUndefined();
    await running.stop();
  });

  it("a Record that somebody changes or deletes is made good", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start(withRecords);
    await bench.ready("web");
    await written(bench);
    const before = status(bench);
    bench.api.put(loadBalancerRecords, { ...record(bench)!, status: { addresses: ["203.0.113.9"] } });
    await written(bench);
    expect(status(bench)).toMatchObject({ addresses: before.addresses, targets: before.targets });
    bench.api.remove(loadBalancerRecords, "default/web");
    await written(bench);
    expect(status(bench)).toMatchObject({ addresses: before.addresses, targets: before.targets });
    await running.stop();
  });
});

describe("without Records all works", () => {
  it("where the kind is not served, and they appear once it is", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    await written(bench);
    expect(recordWrites(bench)).toEqual([]);
    expect(bench.eventReasons()).toEqual(["Normal EnsuringLoadBalancer", "Normal EnsuredLoadBalancer"]);
    bench.api.missing.clear();
    await bench.clock.run(301_000);
    await written(bench);
    expect(status(bench).addresses).toEqual(["192.0.2.1"]);
    await running.stop();
  });

  it.each([
    ["create loadbalancerrecords", "create loadbalancerrecords.berth.dev"],
    ["patch loadbalancerrecords/status", "patch loadbalancerrecords.berth.dev/status"],
  ])("where we may not %s: one event that names the right, then a try every five minutes", async (what, right) => {
    const bench = new Bench();
    for (const name of ["web", "other"]) bench.api.createService(name);
    let [allowed, refusals] = [false, 0];
    bench.api.onWrite = (_, __, write) => {
      if (write !== what || allowed) return;
      refusals++;
      throw new KubeApiError({ code: 403, reason: "Forbidden", message: "not you" });
    };
    const running = bench.start(withRecords);
    for (const name of ["web", "other"]) await bench.ready(name);
    await written(bench);
    await bench.clock.run(290_000);
    expect(refusals).toBe(1);
    await bench.clock.run(600_000);
    expect(refusals).toBe(3);
    const warnings = bench.events.filter((text) => text.startsWith("Warning"));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      new RegExp(`^Warning SyncLoadBalancerRecordFailed default/\\w+: Forbidden: .*allow \`${right}\``),
    );
    allowed = true;
    await bench.clock.run(301_000);
    await written(bench);
    for (const name of ["web", "other"]) expect(status(bench, name).addresses).toEqual(bench.addresses(name));
    await running.stop();
  });
});
