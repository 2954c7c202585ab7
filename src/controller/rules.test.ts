import { beforeEach, describe, expect, it } from "vitest";
import type { LbStatus, Plan, PlanStep, StepResult } from "../provider/index.ts";
import { MemoryProvider, type StepHook } from "../provider/testing/memory-provider.ts";
import { ScopedProvider } from "../provider/testing/scoped-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

// The rules of the provider contract that are the engine's, where no other file here has them: 1 and 2 are in
// scopes.test.ts, 3 in life.test.ts, A10 in throttling.test.ts.

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

it("rule 1: a failed step skips only what depends on it", async () => {
  const ports = [80, 81, 82].map((port) => ({ name: `p${port}`, port, protocol: "TCP", nodePort: 30_000 + port }));
  bench.api.createService("web", { ports });
  let broken = true;
  const hook: StepHook = ({ id }, when) => {
    if (broken && when === "before" && id === "uid-web/TCP-81") throw new Error("no luck");
  };
  const running = bench.start({ providers: [new MemoryProvider(bench.world, { hook })] });
  await bench.until(() => bench.condition("web", "programmed") === "False SyncFailed", "it shows");
  const made = ["address", "TCP-80", "TCP-82", "targets"];
  expect(bench.world.mutations).toEqual(made.map((name) => `create uid-web/${name}`));
  broken = false;
  bench.clock.advance(1000);
  await bench.ready("web");
  expect(bench.world.mutations.slice(4)).toEqual(["create uid-web/TCP-81"]);
  await running.stop();
});

it("rule 3: what a snapshot finds wanting is looked at live before anything is written", async () => {
  bench.api.createService("web");
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  const listener = bench.world.objects.get("uid-web/TCP-80");
  bench.world.objects.delete("uid-web/TCP-80");
  /** Somebody mends it between the snapshot and the live look. */
  class Mended extends MemoryProvider {
    override async snapshot(): ReturnType<MemoryProvider["snapshot"]> {
      const snapshot = await super.snapshot();
      if (listener !== undefined) bench.world.objects.set("uid-web/TCP-80", listener);
      return snapshot;
    }
  }
  const before = [bench.world.mutations.length, bench.api.writes.length];
  const { observations } = bench.world;
  const second = bench.start({ providers: [new Mended(bench.world)] });
  await bench.settled();
  expect([bench.world.snapshots, bench.world.observations - observations]).toEqual([1, 1]);
  expect([bench.world.mutations.length, bench.api.writes.length]).toEqual(before);
  await second.stop();
});

it("rule 4: a pending step is polled by applying it again at its time, and no worker is held up", async () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  for (const name of names) bench.api.createService(name);
  const applied: string[] = [];
  let ready = false;
  class Slow extends MemoryProvider {
    override async apply(...args: Parameters<MemoryProvider["apply"]>): Promise<StepResult> {
      const [{ id }] = args;
      if (!id.endsWith("/address") || ready) return await super.apply(...args);
      applied.push(id);
      return { state: "pending", what: "the operation runs", pollAfterMs: 3000 };
    }
  }
  const running = bench.start({ providers: [new Slow(bench.world)] });
  // Six at once with four workers.
  await bench.until(() => applied.length === 6, "all have begun");
  await bench.settled();
  expect(bench.condition("a", "programmed")).toBe("False Pending");
  expect(bench.message("a", "programmed")).toBe("the operation runs");
  bench.clock.advance(2999);
  await bench.settled();
  expect(applied.length).toBe(6);
  bench.clock.advance(1);
  await bench.settled();
  expect(applied.toSorted()).toEqual(names.flatMap((name) => [`uid-${name}/address`, `uid-${name}/address`]));
  expect(bench.world.mutations).toEqual([]);
  ready = true;
  bench.clock.advance(3000);
  for (const name of names) await bench.ready(name);
  expect(await running.metrics.getSingleMetricAsString("workqueue_retries_total")).toContain('{name="service"} 0');
  await running.stop();
});

describe("rule 5: the lease is lost in the middle of a step", () => {
  /** Takes the lease away once so many requests were sent, which the adapter learns from its fence alone. */
  async function sentUntil(allowed: number): Promise<readonly string[]> {
    const leader = { leads: true };
    const fence = (): string | undefined => {
      if (bench.world.mutations.length >= allowed) leader.leads = false;
      return leader.leads ? undefined : "the lease is gone";
    };
    bench.api.createService("web", { loadBalancerClass: "berth.dev/scoped" });
    const running: Running = bench.start({ providers: [new ScopedProvider(bench.world, { fence })] });
    await bench.settled();
    bench.clock.advance(50);
    await bench.until(() => !leader.leads, "the fence says no");
    const writes = bench.api.writes.length;
    bench.clock.advance(60_000);
    await bench.settled();
    const sent = [...bench.world.mutations];
    expect(bench.condition("web", "programmed")).not.toBe("False SyncFailed");
    expect(await running.metrics.getSingleMetricAsString("controller_runtime_reconcile_errors_total")).toContain(
      '{controller="scopes"} 0',
    );
    expect(bench.api.writes.length).toBe(writes);
    await running.stop();
    return sent;
  }

  it.each([0, 1, 2, 3, 4, 5])(
    "after %i requests: no other is sent, and it is no failure of the key",
    async (allowed) => {
      expect((await sentUntil(allowed)).length).toBe(allowed);
      const second = bench.start({ providers: [new ScopedProvider(bench.world)] });
      await bench.settled();
      bench.clock.advance(50);
      await bench.ready("web");
      expect(new Set(bench.world.mutations).size).toBe(6);
      await second.stop();
    },
  );
});

it("rule 6: what would replace the address is not begun at all without leave", async () => {
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  const before = bench.world.fingerprint();
  const ports = [{ name: "http", port: 81, protocol: "TCP", nodePort: 30_081 }];
  bench.api.updateService("web", { spec: { loadBalancerIP: "192.0.2.5", ports } });
  await bench.until(() => bench.condition("web", "programmed") === "False ReplacementRequired", "it waits");
  expect(bench.message("web", "programmed")).toContain("update uid-web/address");
  bench.clock.advance(3_600_000);
  await bench.settled();
  expect(bench.world.fingerprint()).toBe(before);
  await running.stop();
});

describe("rule 7: the ingress", () => {
  it("is written as soon as there is an address, whatever the health of the targets", async () => {
    bench.world.setUnhealthy("node1", "node2");
    bench.api.createService("web");
    const running = bench.start();
    await bench.until(() => bench.condition("web", "ready") === "False NoHealthyTargets", "unhealthy");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    await running.stop();
  });

  it("stays while the load balancer is made anew", async () => {
    bench.api.createService("web");
    let isAway = false;
    class Anew extends MemoryProvider {
      override status(...args: Parameters<MemoryProvider["status"]>): LbStatus {
        const status = super.status(...args);
        return isAway ? { ...status, ingress: [] } : status;
      }

      override plan(...args: Parameters<MemoryProvider["plan"]>): Plan {
        const plan = super.plan(...args);
        const wait = { id: "gone", what: "the old one goes", pollAfterMs: 1000 };
        return isAway ? { ...plan, steps: [], waits: [wait] } : plan;
      }

      override async apply(...args: [PlanStep, ReadonlyMap<string, string>, AbortSignal]): Promise<StepResult> {
        const result = await super.apply(...args);
        isAway ||= args[0].id === "uid-web/UDP-53";
        return result;
      }
    }
    const running = bench.start({ providers: [new Anew(bench.world)] });
    await bench.ready("web");
    bench.api.updateService("web", { spec: { ports: [{ name: "dns", port: 53, protocol: "UDP", nodePort: 30_053 }] } });
    await bench.until(() => bench.condition("web", "programmed") === "False Pending", "it is away");
    expect(bench.message("web", "programmed")).toBe("the old one goes");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    isAway = false;
    bench.clock.advance(1000);
    await bench.until(() => bench.condition("web", "programmed") === "True Programmed", "it is back");
    await running.stop();
  });

  it("goes when a converged plan says that there is none, and not before", async () => {
    let state: "given" | "awaited" | "unseen" | "none" = "given";
    class Changing extends MemoryProvider {
      override status(...args: Parameters<MemoryProvider["status"]>): LbStatus {
        const status = super.status(...args);
        return state === "given" ? status : { ...status, ingress: [] };
      }

      override plan(...args: Parameters<MemoryProvider["plan"]>): Plan {
        const wait = { id: "soon", what: "an address comes", pollAfterMs: 1000 };
        return state === "awaited" ? { ...super.plan(...args), waits: [wait] } : super.plan(...args);
      }

      override observe(...args: Parameters<MemoryProvider["observe"]>): ReturnType<MemoryProvider["observe"]> {
        return state === "unseen" ? Promise.reject(new Error("the line is dead")) : super.observe(...args);
      }
    }
    const providers = [new Changing(bench.world)];
    async function become(next: typeof state, programmed: string): Promise<void> {
      state = next;
      bench.api.updateService("web", { metadata: { annotations: { state } } });
      await bench.until(() => bench.condition("web", "programmed") === programmed, next);
      await bench.settled();
    }
    bench.api.createService("web");
    const first = bench.start({ providers });
    await bench.ready("web");
    await become("awaited", "False Pending");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    await become("unseen", "False SyncFailed");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    await first.stop();
    const second = bench.start({ providers });
    await become("awaited", "False Pending");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    await become("given", "True Programmed");
    await become("none", "True Programmed");
    expect(bench.addresses("web")).toEqual([]);
    await become("unseen", "False SyncFailed");
    bench.api.updateService("web", { status: { loadBalancer: { ingress: [{ ip: "192.0.2.9" }] } } });
    await bench.until(() => bench.addresses("web").length === 0, "what was not given goes");
    await become("given", "True Programmed");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    await second.stop();
  });
});

it("rule 8: a loss that the adapter names degrades and hinders nothing", async () => {
  bench.api.createService("web");
  class Small extends MemoryProvider {
    override status(...args: Parameters<MemoryProvider["status"]>): LbStatus {
      const issue = { path: "nodes", severity: "degrade", reason: "TooManyTargets", message: "1 of 2 nodes" } as const;
      return { ...super.status(...args), issues: [issue] };
    }
  }
  const running = bench.start({ providers: [new Small(bench.world)] });
  await bench.ready("web");
  expect(bench.condition("web", "degraded")).toBe("True TooManyTargets");
  expect(bench.condition("web", "programmed")).toBe("True Programmed");
  await running.stop();
});
