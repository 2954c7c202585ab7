import { beforeEach, describe, expect, it } from "vitest";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench, type BenchOptions, type Running } from "./testing/bench.ts";

const hour = 3_600_000;
const sweepMs = 600_000;
const pool = ["192.0.2.0/24"];

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

/** Load balancers whose Services went while nobody was there. */
async function abandon(...names: readonly string[]): Promise<void> {
  for (const name of names) bench.api.createService(name);
  const first = bench.start({ pool });
  for (const name of names) await bench.ready(name);
  await first.stop();
  for (const name of names) {
    bench.api.updateService(name, { metadata: { finalizers: null } });
    bench.api.deleteService(name);
  }
  bench.events.length = 0;
}

async function begin(orphans: NonNullable<BenchOptions["orphans"]>, more: BenchOptions = {}): Promise<Running> {
  const running = bench.start({ pool, orphans, ...more });
  await bench.settled();
  return running;
}

async function sweeps(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    bench.clock.advance(sweepMs);
    await bench.settled();
  }
}

function loadBalancers(): number {
  return [...bench.world.objects.keys()].filter((name) => name.endsWith("/address")).length;
}

async function metric({ metrics }: Running): Promise<string> {
  return await metrics.getSingleMetricAsString("lb_orphans");
}

describe("rule 9: an orphan", () => {
  it("is only told of, once, and counted, unless its deletion is allowed", async () => {
    await abandon("web");
    const running = await begin({ deletes: false, graceMs: 0 });
    expect(bench.events).toEqual([]);
    await sweeps(20);
    expect(bench.events).toEqual([
      "Warning OrphanedLoadBalancer default/web: memory has a load balancer that no Service wants: uid-web/address; it stays; see `berth controller orphans`, remove it by hand or let --delete-orphans do it",
    ]);
    expect(await metric(running)).toContain('lb_orphans{provider="memory"} 1');
    expect(loadBalancers()).toBe(1);
    await running.stop();
  });

  it("goes only after the grace period, which begins with each leader", async () => {
    await abandon("web");
    const policy = { deletes: true, graceMs: hour };
    const first = await begin(policy);
    await sweeps(5);
    await first.stop();
    const second = await begin(policy);
    await sweeps(5);
    expect(loadBalancers()).toBe(1);
    await sweeps(1);
    expect(bench.world.objects.size).toBe(0);
    expect(await metric(second)).toContain('lb_orphans{provider="memory"} 0');
    await second.stop();
  });

  it("stays when it is tagged retained, and is not counted", async () => {
    await abandon("web");
    bench.world.retained.add("uid-web/address");
    const running = await begin({ deletes: true, graceMs: 0 });
    await sweeps(20);
    expect(loadBalancers()).toBe(1);
    expect(bench.events).toEqual([]);
    expect(await metric(running)).toContain('lb_orphans{provider="memory"} 0');
    await running.stop();
  });

  it("goes with few others at once, as the cluster may be restored from an old backup", async () => {
    await abandon(...Array.from({ length: 8 }, (_, i) => `web${i}`));
    const running = await begin({ deletes: true, graceMs: 0 });
    await sweeps(1);
    expect(loadBalancers()).toBe(3);
    await sweeps(1);
    expect(loadBalancers()).toBe(0);
    await running.stop();
  });

  it("stays when the API server itself still lists its Service, or lists none at all", async () => {
    await abandon("web");
    const { listAll } = bench.api.client;
    let lists = 0;
    const running = await begin({ deletes: true, graceMs: 0 });
    // The watch has not told of it yet.
    bench.api.client.listAll = async () => {
      lists++;
      if (lists === 1) throw new Error("the line is dead");
      const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory" };
      return { items: [{ metadata: { namespace: "default", name: "web", uid: "uid-web" }, spec }] } as never;
    };
    await sweeps(5);
    expect([lists, loadBalancers()]).toEqual([5, 1]);
    bench.api.client.listAll = listAll;
    await sweeps(1);
    expect(loadBalancers()).toBe(0);
    await running.stop();
  });

  it("is not forgotten when a sweep cannot be made, but when one does not find it; its address is free then", async () => {
    await abandon("web");
    let broken = false;
    class Failing extends MemoryProvider {
      override listOwned(...args: Parameters<MemoryProvider["listOwned"]>): ReturnType<MemoryProvider["listOwned"]> {
        if (broken) throw new Error("the line is dead");
        return super.listOwned(...args);
      }
    }
    const running = await begin({ deletes: false, graceMs: 0 }, { providers: [new Failing(bench.world)] });
    broken = true;
    await sweeps(2);
    expect(await metric(running)).toContain('lb_orphans{provider="memory"} 1');
    broken = false;
    bench.world.objects.clear();
    await sweeps(1);
    expect(await metric(running)).toContain('lb_orphans{provider="memory"} 0');
    bench.api.createService("next");
    await bench.ready("next");
    expect(bench.addresses("next")).toEqual(["192.0.2.1"]);
    await running.stop();
  });

  it("is one also when its Service is there and another's now: what was found is not torn down at once", async () => {
    bench.api.createService("web");
    const first = bench.start();
    await bench.ready("web");
    await first.stop();
    bench.api.updateService("web", { metadata: { finalizers: null }, spec: { loadBalancerClass: "x.org/y" } });
    const second = await begin({ deletes: false, graceMs: 0 });
    await sweeps(3);
    expect(loadBalancers()).toBe(1);
    expect(bench.eventReasons()).toContain("Warning OrphanedLoadBalancer");
    await second.stop();
  });
});

it("a load balancer that is being torn down as its Service was seen to go is no orphan", async () => {
  bench.api.createService("web");
  const provider = new MemoryProvider(bench.world, {
    hook: ({ action }) => {
      if (action === "delete") throw new Error("no luck");
    },
  });
  const running = bench.start({ providers: [provider] });
  await bench.ready("web");
  bench.api.updateService("web", { metadata: { finalizers: null, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  await bench.settled();
  await sweeps(3);
  expect(await metric(running)).toContain('lb_orphans{provider="memory"} 0');
  expect(bench.eventReasons()).not.toContain("Warning OrphanedLoadBalancer");
  expect(loadBalancers()).toBe(1);
  await running.stop();
});
