import { describe, expect, it } from "vitest";
import { type Fault, type PlanStep, ProviderError } from "../provider/index.ts";
import { MemoryProvider, type StepHook } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

function provider(bench: Bench, hook: StepHook): MemoryProvider {
  return new MemoryProvider(bench.world, { hook });
}

/** Stands for the end of the process: nothing after it is written. */
class Crash extends Error {}

describe("A2: a crash around any step", () => {
  const steps = ["uid-web/address", "uid-web/TCP-80", "uid-web/targets"];
  const cells = steps.flatMap((id) => (["before", "after"] as const).map((when) => [when, id] as const));

  /** Lets a controller run into the crash. */
  async function crash(bench: Bench, when: "before" | "after", id: string): Promise<void> {
    const running = bench.start({
      providers: [
        provider(
          bench,
          crashAt(id, when, () => running.loseLease()),
        ),
      ],
    });
    await bench.settled();
    await running.stop();
  }

  it.each(cells)("%s %s is made good after a restart", async (when, id) => {
    const bench = new Bench();
    bench.api.createService("web");
    await crash(bench, when, id);
    expect(bench.condition("web", "programmed")).toBe("");
    const second = bench.start();
    await bench.ready("web");
    expect([...bench.world.objects.keys()].sort()).toEqual([...steps].sort());
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    expect(new Set(bench.world.mutations).size).toBe(bench.world.mutations.length);
    await second.stop();
  });

  it.each(cells)("of a deletion, %s %s, is made good after a restart", async (when, id) => {
    const bench = new Bench();
    bench.api.createService("web");
    const setUp = bench.start();
    await bench.ready("web");
    await setUp.stop();
    bench.api.deleteService("web");
    await crash(bench, when, id);
    expect(bench.finalizers("web")).toEqual(["memory.berth.dev/resources"]);
    const second = bench.start();
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.objects.size).toBe(0);
    await second.stop();
  });

  function crashAt(id: string, when: "before" | "after", end: () => void): StepHook {
    return (step, at) => {
      if (step.id !== id || at !== when) return;
      end();
      throw new Crash("killed");
    };
  }
});

it("A14: the lease is lost during a plan: no further step and no API write", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start({
    providers: [
      provider(bench, (step, when) => void (when === "after" && step.id.endsWith("address") && running.loseLease())),
    ],
  });
  await bench.settled();
  expect(bench.world.mutations).toEqual(["create uid-web/address"]);
  expect(bench.api.writes.length).toBe(1);
  await running.stop();
});

it("A20: an end during a step lets it finish and begins no other; the next leader goes on", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const first = bench.start({
    providers: [
      provider(bench, async (_, when) => {
        if (when === "after") return;
        entered.resolve();
        await gate.promise;
      }),
    ],
  });
  await entered.promise;
  const stopped = first.stop();
  gate.resolve();
  await stopped;
  expect(bench.world.mutations).toEqual(["create uid-web/address"]);
  const second = bench.start();
  await bench.ready("web");
  await second.stop();
});

it("a Service that is deleted during a plan gets no further step, then it is torn down", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start({
    providers: [
      provider(bench, async (step, when) => {
        if (when !== "after" || step.action !== "create") return;
        bench.api.deleteService("web");
        await bench.settled();
      }),
    ],
  });
  await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
  expect(bench.world.mutations).toEqual(["create uid-web/address", "delete uid-web/address"]);
  await running.stop();
});

it("TestProcessServiceCreateOrUpdateK8sError, conflict: a write that somebody was faster with is made again, without an event", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  let times = 0;
  bench.api.onWrite = () => {
    if (times++ < 2) bench.api.updateService("web", { metadata: { labels: { times: `${times}` } } });
  };
  const running = bench.start();
  await bench.settled();
  bench.clock.advance(1000);
  await bench.ready("web");
  expect(bench.eventReasons()).toEqual(["Normal EnsuringLoadBalancer", "Normal EnsuredLoadBalancer"]);
  expect(bench.api.service("web")?.metadata.labels).toEqual({ times: "2" });
  await running.stop();
});

describe("what a provider reports", () => {
  function failing(bench: Bench, fault: Fault, applies: (step: PlanStep) => boolean = () => true): MemoryProvider {
    return provider(bench, (step, when) => {
      if (when === "before" && failures.left > 0 && applies(step)) throw new ProviderError(fault, "no luck");
    });
  }
  const failures = { left: 0 };

  it.each<[Fault, string, string, number]>([
    [{ kind: "retryable" }, "False SyncFailed", "uid-web/address: no luck", 1000],
    [{ kind: "throttled", scope: "account", retryAfterMs: 7000 }, "False Throttled", "uid-web/address: no luck", 7000],
    [
      { kind: "forbidden", action: "lb:Create" },
      "False Forbidden",
      "uid-web/address: no luck; allow lb:Create",
      300_000,
    ],
    [{ kind: "quota", limit: "lbs" }, "False QuotaExceeded", "uid-web/address: no luck; raise the limit lbs", 300_000],
    [
      { kind: "conflict", owner: "cluster-2" },
      "False Conflict",
      "uid-web/address: no luck; remove it or give it to Berth; it belongs to cluster-2",
      300_000,
    ],
    [
      { kind: "blocked", reason: "BridgeMissing", remedy: "make the bridge" },
      "False BridgeMissing",
      "uid-web/address: no luck; make the bridge",
      300_000,
    ],
  ])("%o: condition, one event, back at its time", async (fault, condition, message, afterMs) => {
    const bench = new Bench();
    bench.api.createService("web");
    failures.left = 1;
    const running = bench.start({ providers: [failing(bench, fault)] });
    await bench.until(() => bench.condition("web", "programmed") === condition, condition);
    await bench.settled();
    expect(bench.message("web", "programmed")).toBe(message);
    expect(bench.condition("web", "accepted")).toBe("True Accepted");
    const [, reason] = condition.split(" ");
    const text = `Warning SyncLoadBalancerFailed default/web: ${reason}: ${message}`;
    expect(bench.events.slice(1)).toEqual([text]);
    const observations = bench.world.observations;
    bench.clock.advance(afterMs - 1);
    await bench.settled();
    expect(bench.world.observations).toBe(observations);
    bench.clock.advance(1);
    await bench.settled();
    // Tried again, with the same result: nothing new to say for five minutes.
    expect(bench.world.observations).toBeGreaterThan(observations);
    expect(bench.events.filter((event) => event === text).length).toBe(afterMs < 300_000 ? 1 : 2);
    failures.left = 0;
    bench.clock.advance(600_000);
    await bench.ready("web");
    await running.stop();
  });

  it("A10: a throttled provider rests as a whole", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    failures.left = 1;
    const running = bench.start({
      providers: [failing(bench, { kind: "throttled", scope: "account", retryAfterMs: 7000 })],
    });
    await bench.until(() => bench.condition("web", "programmed") === "False Throttled", "throttled");
    failures.left = 0;
    const { observations } = bench.world;
    bench.api.createService("other");
    await bench.settled();
    expect(bench.world.observations).toBe(observations);
    bench.clock.advance(7000);
    await bench.ready("other");
    await bench.ready("web");
    await running.stop();
  });

  it("A11: what one Service may not do hinders no other", async () => {
    const bench = new Bench();
    for (const name of ["web", "other"]) bench.api.createService(name);
    failures.left = 1;
    const forbidden: Fault = { kind: "forbidden", action: "lb:Create" };
    const running = bench.start({ providers: [failing(bench, forbidden, ({ id }) => id.startsWith("uid-web/"))] });
    await bench.ready("other");
    expect(bench.condition("web", "programmed")).toBe("False Forbidden");
    await running.stop();
  });

  it("TestProcessServiceDeletion, cloud fails: a failed deletion keeps the finalizer, says so and goes on later", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    failures.left = 0;
    const running = bench.start({
      providers: [failing(bench, { kind: "retryable" }, ({ action }) => action === "delete")],
    });
    await bench.ready("web");
    failures.left = 1;
    bench.api.deleteService("web");
    await bench.until(() => bench.condition("web", "programmed") === "False SyncFailed", "the failure shows");
    expect(bench.finalizers("web").length).toBe(1);
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    failures.left = 0;
    bench.clock.advance(1000);
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    await running.stop();
  });

  it("A7: what another cluster owns is not touched", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const elsewhere = bench.start({ clusterId: "cluster-2" });
    await bench.ready("web");
    await elsewhere.stop();
    const before = bench.world.fingerprint();
    bench.api.updateService("web", {
      spec: { ports: [{ name: "http", port: 81, protocol: "TCP", nodePort: 30_081 }] },
    });
    const running = bench.start();
    await bench.until(() => bench.condition("web", "programmed") === "False Conflict", "the conflict shows");
    const untouched = before.split("\n").every((line) => bench.world.fingerprint().includes(line));
    expect(untouched).toBe(true);
    await running.stop();
  });
});
