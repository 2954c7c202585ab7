import { expect, it } from "vitest";
import { type Fault, ProviderError } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

function failing(bench: Bench, faults: { now: Fault | undefined }): MemoryProvider {
  const hook = (): void => {
    if (faults.now !== undefined) throw new ProviderError(faults.now, "no luck");
  };
  return new MemoryProvider(bench.world, { hook: (_, when) => (when === "before" ? hook() : undefined) });
}

function warnings(bench: Bench): readonly string[] {
  return bench.events.filter((text) => text.startsWith("Warning"));
}

it("A11: trouble that lasts over many retries: one event, then one per 5 minutes; a restart repeats nothing", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const faults: { now: Fault | undefined } = { now: { kind: "retryable" } };
  const first = bench.start({ providers: [failing(bench, faults)] });
  await bench.settled();
  await bench.clock.run(250_000);
  const tries = bench.world.observations;
  expect(tries).toBeGreaterThan(14);
  expect(warnings(bench)).toHaveLength(1);
  await bench.clock.run(3_350_000);
  await bench.settled();
  expect(warnings(bench).length).toBeGreaterThan(8);
  expect(warnings(bench).length).toBeLessThanOrEqual(12);
  await first.stop();
  const before = bench.events.length;
  const second = bench.start({ providers: [failing(bench, faults)] });
  await bench.settled();
  await bench.clock.run(200_000);
  expect(bench.events.slice(before).filter((text) => text.startsWith("Warning"))).toEqual([]);
  await second.stop();
});

it("trouble that comes again after all was well is news", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const faults: { now: Fault | undefined } = { now: undefined };
  const running = bench.start({ providers: [failing(bench, faults)] });
  await bench.ready("web");
  for (const port of [81, 82]) {
    faults.now = { kind: "retryable" };
    bench.api.updateService("web", { spec: { ports: [{ name: "http", port, protocol: "TCP", nodePort: 30_080 }] } });
    await bench.until(() => bench.condition("web", "programmed").startsWith("False"), "it fails");
    faults.now = undefined;
    await bench.clock.run(2000);
    await bench.ready("web");
  }
  expect(warnings(bench).map((text) => text.split(" ")[1])).toEqual([
    "SyncLoadBalancerFailed",
    "SyncLoadBalancerFailed",
  ]);
  await running.stop();
});

it("UpdateLoadBalancerFailed: the Service is as before and its load balancer does not follow; it names 20 nodes", async () => {
  const bench = new Bench();
  for (let i = 3; i <= 25; i++) bench.api.createNode(`node${i}`);
  bench.api.createService("web");
  const faults: { now: Fault | undefined } = { now: undefined };
  const running = bench.start({ providers: [failing(bench, faults)] });
  await bench.ready("web");
  faults.now = { kind: "forbidden", action: "lb:Register" };
  bench.world.objects.delete("uid-web/TCP-80");
  await bench.clock.run(600_000);
  await bench.settled();
  expect(warnings(bench)).toHaveLength(1);
  expect(warnings(bench)[0]).toMatch(
    /^Warning UpdateLoadBalancerFailed default\/web: Forbidden: .*; allow lb:Register \(nodes: (node\d+ ){20}<5 more>\)$/,
  );
  await running.stop();
});

it("DeleteLoadBalancerFailed: the Service is gone, its load balancer is not", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const faults: { now: Fault | undefined } = { now: undefined };
  const running = bench.start({ providers: [failing(bench, faults)] });
  await bench.ready("web");
  faults.now = { kind: "forbidden", action: "lb:Delete" };
  bench.api.updateService("web", { metadata: { finalizers: null, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  await bench.settled();
  await bench.clock.run(299_000);
  expect(warnings(bench)).toEqual([
    expect.stringMatching(/^Warning DeleteLoadBalancerFailed default\/web: Forbidden: /),
  ]);
  await running.stop();
});

it("A3: a status that is wiped while its provider rests is restored without it", async () => {
  const bench = new Bench();
  for (const name of ["web", "other"]) bench.api.createService(name);
  const faults: { now: Fault | undefined } = { now: undefined };
  const running = bench.start({ providers: [failing(bench, faults)] });
  for (const name of ["web", "other"]) await bench.ready(name);
  const before = bench.api.service("web")?.status;
  faults.now = { kind: "throttled", scope: "account", retryAfterMs: 60_000 };
  bench.api.updateService("other", { spec: { ports: [{ name: "a", port: 81, protocol: "TCP", nodePort: 30_080 }] } });
  await bench.until(() => bench.condition("other", "programmed") === "False Throttled", "throttled");
  const { observations } = bench.world;
  bench.api.updateService("web", { status: { loadBalancer: null, conditions: null } });
  await bench.ready("web");
  expect(bench.api.service("web")?.status).toEqual(before);
  expect(bench.world.observations).toBe(observations);
  expect(bench.clock.monotonic()).toBe(0);
  await running.stop();
});

it("lb_service_state and lb_time_to_ready_seconds: each Service counts once, by what became of it", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  bench.api.createService("bad", { loadBalancerSourceRanges: ["10.0.0.0/99"] });
  bench.api.createService("paused", {}, { annotations: { "berth.dev/paused": "true" } });
  const faults: { now: Fault | undefined } = { now: { kind: "retryable" } };
  const running = bench.start({ providers: [failing(bench, faults)] });
  const states = (): Promise<string> => running.metrics.getSingleMetricAsString("lb_service_state");
  await bench.settled();
  expect(await states()).toContain('{state="failed"} 1');
  expect(await states()).toContain('{state="refused"} 1');
  expect(await states()).toContain('{state="pending"} 1');
  bench.api.updateService("bad", { spec: { type: "ClusterIP" } });
  await bench.settled();
  expect(await states()).toContain('{state="refused"} 0');
  faults.now = undefined;
  await bench.clock.run(1000);
  await bench.ready("web");
  expect(await states()).toContain('{state="failed"} 0');
  expect(await states()).toContain('{state="ready"} 1');
  const times = await running.metrics.getSingleMetricAsString("lb_time_to_ready_seconds");
  expect(times).toContain("lb_time_to_ready_seconds_sum 1\n");
  expect(times).toContain("lb_time_to_ready_seconds_count 1");
  bench.api.deleteService("web");
  await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
  await bench.settled();
  expect(await states()).toContain('{state="ready"} 0');
  await running.stop();
});
