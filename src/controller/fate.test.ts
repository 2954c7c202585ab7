import { describe, expect, it } from "vitest";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

const fate = "berth.dev/deletion-policy";
const pause = "berth.dev/paused";
const shared = "service.kubernetes.io/load-balancer-cleanup";

function annotate(bench: Bench, name: string, annotations: Record<string, string | null>): void {
  bench.api.updateService(name, { metadata: { annotations } });
}

describe("row 17: berth.dev/deletion-policy", () => {
  it("Retain: the load balancer is tagged before the finalizer goes, and stays, with its address", async () => {
    const bench = new Bench();
    bench.api.createService("web", {}, { annotations: { [fate]: "Retain" } });
    const steps: string[] = [];
    const provider = new MemoryProvider(bench.world, {
      hook: ({ action, target }, when) => {
        if (when === "after") steps.push(`${action} ${target} ${bench.finalizers("web").length}`);
      },
    });
    const running = bench.start({ providers: [provider] });
    await bench.ready("web");
    steps.length = 0;
    bench.api.deleteService("web");
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    await bench.settled();
    expect(steps).toEqual(["update uid-web/address 1"]);
    expect(bench.world.objects.size).toBe(3);
    expect([...bench.world.retained]).toEqual(["uid-web/address"]);
    expect(bench.eventReasons().slice(-1)).toEqual(["Normal RetainedLoadBalancer"]);
    bench.api.createService("next");
    await bench.ready("next");
    expect(bench.addresses("next")).toEqual(["192.0.2.2"]);
    await running.stop();

    const before = bench.world.mutations.length;
    const again = bench.start();
    await bench.settled();
    bench.api.createService("third");
    await bench.ready("third");
    expect(bench.addresses("third")).toEqual(["192.0.2.3"]);
    expect(bench.world.mutations.slice(before).every((text) => text.includes("uid-third/"))).toBe(true);
    await again.stop();
  });

  it("Retain without a load balancer: nothing is made for it", async () => {
    const bench = new Bench();
    bench.api.createService(
      "web",
      {},
      { annotations: { [fate]: "Retain" }, finalizers: ["memory.berth.dev/resources"] },
    );
    bench.api.deleteService("web");
    const running = bench.start();
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.mutations).toEqual([]);
    await running.stop();
  });

  it("Retain, finalizer removed by hand: it is tagged all the same", async () => {
    const bench = new Bench();
    bench.api.createService("web", {}, { annotations: { [fate]: "Retain" } });
    const running = bench.start();
    await bench.ready("web");
    bench.api.updateService("web", { metadata: { finalizers: null, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    await bench.until(() => bench.world.retained.has("uid-web/address"), "it is tagged");
    await bench.settled();
    expect(bench.world.objects.size).toBe(3);
    await running.stop();
  });

  it("Retain does not hold what another type gives up", async () => {
    const bench = new Bench();
    bench.api.createService("web", {}, { annotations: { [fate]: "Retain" } });
    const running = bench.start();
    await bench.ready("web");
    bench.api.updateService("web", { spec: { type: "ClusterIP", loadBalancerClass: null }, status: null });
    await bench.until(() => bench.finalizers("web").length === 0, "it is let go");
    expect(bench.world.objects.size).toBe(0);
    await running.stop();
  });

  it("a value that cannot be read is refused, and holds the deletion until it can", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    annotate(bench, "web", { [fate]: "retain" });
    await bench.until(() => bench.condition("web", "accepted") === "False InvalidDeletionPolicy", "refused");
    bench.api.deleteService("web");
    await bench.until(() => bench.condition("web", "programmed") === "False InvalidDeletionPolicy", "held");
    expect(bench.world.objects.size).toBe(3);
    annotate(bench, "web", { [fate]: "Delete" });
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.objects.size).toBe(0);
    await running.stop();
  });
});

describe("row 17: berth.dev/paused", () => {
  it("nothing is done for a paused Service, not even its deletion, and all of it after", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    annotate(bench, "web", { [pause]: "true" });
    await bench.until(() => bench.condition("web", "programmed") === "False Paused", "paused");
    const before = bench.world.fingerprint();
    bench.api.updateService("web", { spec: { ports: [{ port: 81, protocol: "TCP", nodePort: 30_081 }] } });
    bench.api.createNode("node3");
    bench.clock.advance(1_200_000);
    await bench.settled();
    bench.api.deleteService("web");
    await bench.settled();
    expect(bench.world.fingerprint()).toBe(before);
    expect(bench.finalizers("web")).toEqual(["memory.berth.dev/resources"]);
    expect(bench.eventReasons()).toEqual(["Normal EnsuringLoadBalancer", "Normal EnsuredLoadBalancer"]);
    annotate(bench, "web", { [pause]: null });
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.objects.size).toBe(0);
    await running.stop();
  });

  it("a new Service that is paused gets no finalizer", async () => {
    const bench = new Bench();
    bench.api.createService("web", {}, { annotations: { [pause]: "true" } });
    const running = bench.start();
    await bench.until(() => bench.condition("web", "programmed") === "False Paused", "paused");
    expect([bench.finalizers("web"), bench.world.observations]).toEqual([[], 0]);
    await running.stop();
  });

  it("stops a change before its next step", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const provider = new MemoryProvider(bench.world, {
      hook: (_, when) => {
        if (when === "after") annotate(bench, "web", { [pause]: "true" });
      },
    });
    const running = bench.start({ providers: [provider] });
    await bench.until(() => bench.condition("web", "programmed") === "False Paused", "paused");
    expect(bench.world.mutations).toEqual(["create uid-web/address"]);
    await running.stop();
  });

  it("a foreign Service that is paused is not touched", async () => {
    const bench = new Bench();
    bench.api.createService("web", { loadBalancerClass: "x.org/y" }, { annotations: { [pause]: "true" } });
    const running = bench.start();
    await bench.settled();
    expect(bench.api.writes).toEqual([]);
    await running.stop();
  });
});

describe("row 13: own finalizer removed by a third party, the shared one left", () => {
  it("a deleting Service of ours is finished", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    bench.api.updateService("web", { spec: { loadBalancerClass: null } });
    const first = bench.start({ unclassed: "memory" });
    await bench.ready("web");
    await first.stop();
    bench.api.updateService("web", { metadata: { finalizers: [shared] } });
    bench.api.deleteService("web");
    const second = bench.start({ unclassed: "memory" });
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.objects.size).toBe(0);
    await second.stop();
  });

  it("one of another controller is not touched", async () => {
    const bench = new Bench();
    bench.api.createService("web", {}, { finalizers: [shared], deletionTimestamp: "2026-01-01T00:00:00Z" });
    bench.api.updateService("web", { spec: { loadBalancerClass: null } });
    const running = bench.start({ unclassed: "memory" });
    await bench.settled();
    expect(bench.api.writes).toEqual([]);
    await running.stop();
  });
});

it("row 12: the default is another provider's since: a deleted Service of before leaves nothing behind", async () => {
  const bench = new Bench();
  const providers = ["memory", "other"].map((name) => new MemoryProvider(bench.world, { name }));
  bench.api.createService("web");
  bench.api.updateService("web", { spec: { loadBalancerClass: null } });
  const first = bench.start({ providers, unclassed: "memory" });
  await bench.ready("web");
  await first.stop();
  const second = bench.start({ providers, unclassed: "other" });
  await bench.until(() => bench.condition("web", "accepted") === "False ClassNotServed", "it is kept");
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  bench.api.deleteService("web");
  await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
  expect(bench.world.objects.size).toBe(0);
  await second.stop();
});

it("row 15: a Service that was made anew while we were down: the old load balancer goes, the new one has its own", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  bench.api.updateService("web", { metadata: { finalizers: null } });
  bench.api.createService("web", {}, { uid: "uid-second" });
  const second = bench.start({ orphans: { deletes: true, graceMs: 0 } });
  await bench.ready("web");
  bench.clock.advance(600_000);
  await bench.until(() => ![...bench.world.objects.keys()].some((name) => name.startsWith("uid-web/")), "the old goes");
  expect([...bench.world.objects.keys()].every((name) => name.startsWith("uid-second/"))).toBe(true);
  await second.stop();
});
