import { Registry } from "prom-client";
import { describe, expect, it, vi } from "vitest";
import { nullLogger } from "../telemetry/index.ts";
import { LeaseElection, LeaseLostError } from "./index.ts";
import { finish, setUp } from "./testing/candidates.ts";
import { MemoryClient } from "./testing/memory-client.ts";

describe("LeaseElection", () => {
  it("takes a lease that nobody has, and renews it every 2 s", async () => {
    const { clock, lease, join } = setUp();
    const a = join("a");
    await clock.run(5000);
    expect(a.log).toEqual(["leads@0"]);
    expect(a.election.mayWrite()).toBe(true);
    expect(lease()).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      acquireTime: "2026-01-01T00:00:00.000000Z",
      renewTime: "2026-01-01T00:00:04.000000Z",
      leaseTransitions: 0,
    });
    expect(await a.metrics.metrics()).toContain('leader_election_master_status{name="controller"} 1');
    await finish(clock, a);
  });

  it("lease released on cancel: hands the lease over within a moment when it stops in order", async () => {
    const { clock, lease, join } = setUp();
    const a = join("a");
    await clock.run(0);
    const b = join("b");
    await clock.run(3000);
    a.stop.abort(new Error("SIGTERM"));
    await clock.run(0);
    expect(await a.ended).toBe("released");
    await clock.run(1);
    expect(b.log).toEqual(["leads@3000"]);
    expect(lease()).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
    expect(a.election.mayWrite()).toBe(false);
    await finish(clock, b);
  });

  it("may write no more once the lease is released, even before it is told so", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(0);
    const b = join("b");
    a.client.delayMs = 500;
    await clock.run(1);
    a.stop.abort(new Error("SIGTERM"));
    await clock.run(100);
    expect([a.election.mayWrite(), b.election.mayWrite()]).toEqual([false, true]);
    await finish(clock, a, b);
  });

  it("releases it also when somebody writes it meanwhile", async () => {
    const { clock, collection, lease, join } = setUp();
    const a = join("a");
    await clock.run(0);
    const patch = a.client.mergePatch.bind(a.client);
    vi.spyOn(a.client, "mergePatch").mockImplementationOnce((...args) => {
      collection.put({ metadata: { name: "controller", labels: { touched: "yes" } }, ...collection.get("controller") });
      return patch(...args);
    });
    await finish(clock, a);
    expect(lease()).toMatchObject({ holderIdentity: "" });
  });

  it("stops at once when somebody else makes the lease anew before it does", async () => {
    const { clock, collection, lease, join } = setUp();
    const a = join("a");
    await clock.run(1000);
    const spec = { ...lease(), holderIdentity: "thief" };
    collection.delete("controller");
    const create = a.client.create.bind(a.client);
    vi.spyOn(a.client, "create").mockImplementationOnce((...args) => {
      collection.put({ metadata: { name: "controller" }, spec });
      return create(...args);
    });
    await clock.run(1000);
    expect(String(await a.ended)).toBe("LeaseLostError: lease controller: taken by thief");
    expect(a.log).toEqual(["leads@0", "stops@2000"]);
    await finish(clock);
  });

  it("leaves the lease empty and short when it stops without a successor", async () => {
    const { clock, lease, join } = setUp();
    const a = join("a");
    await clock.run(0);
    await finish(clock, a);
    expect(lease()).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
  });

  it("hands it over also when it stops within a renewal", async () => {
    const { clock, lease, join } = setUp();
    const a = join("a");
    await clock.run(1000);
    a.client.line = "lost";
    await clock.run(1000);
    a.client.line = "up";
    await finish(clock, a);
    expect(lease()).toMatchObject({ holderIdentity: "", renewTime: "2026-01-01T00:00:02.000000Z" });
  });

  it("leader election cancelled only after all runnables ended: renews on until its last work has ended", async () => {
    const { clock, lease, join } = setUp();
    const a = join("a");
    await clock.run(0);
    const b = join("b");
    a.lingerMs = 40_000;
    a.stop.abort(new Error("SIGTERM"));
    await clock.run(39_999);
    expect(a.election.mayWrite()).toBe(true);
    expect(lease()).toMatchObject({ holderIdentity: "a" });
    expect(b.log).toEqual([]);
    await clock.run(2);
    expect(b.log).toEqual(["leads@40000"]);
    await finish(clock, b);
  });

  it.each(["refused", "lost"] as const)(
    "stops 10 s after its last renewal when its line is %s, before another may lead",
    async (line) => {
      const { clock, join } = setUp();
      const a = join("a");
      await clock.run(0);
      const b = join("b");
      await clock.run(4500);
      a.client.line = line;
      await clock.run(40_000);
      const error = await a.ended;
      expect(error).toBeInstanceOf(LeaseLostError);
      expect((error as Error).message).toBe("lease controller: not renewed within 10000 ms");
      expect(a.log).toEqual(["leads@0", "stops@14000"]);
      // 15 s after the last renewal that arrived; "lost" ones do arrive.
      expect(b.log).toEqual([line === "refused" ? "leads@19000" : "leads@21000"]);
      await finish(clock, b);
    },
  );

  it("writes nothing later than the renew deadline even when its timers are late", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(0);
    a.client.line = "refused";
    // As if the event loop had been blocked: no timer has fired, but the clock says so.
    const before = a.election.mayWrite();
    Object.assign(clock, { monotonic: () => 10_000 });
    expect([before, a.election.mayWrite()]).toEqual([true, false]);
    Reflect.deleteProperty(clock, "monotonic");
    await finish(clock, a);
  });

  it("survives an answer that got lost", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(1000);
    a.client.line = "lost";
    await clock.run(2000);
    a.client.line = "up";
    await clock.run(60_000);
    expect(a.log).toEqual(["leads@0"]);
    await finish(clock, a);
  });

  it("grace skipped when leadership is lost: stops at once when somebody else holds the lease", async () => {
    const { clock, collection, lease, join } = setUp();
    const a = join("a");
    await clock.run(1000);
    collection.put({ metadata: { name: "controller" }, spec: { ...lease(), holderIdentity: "thief" } });
    await clock.run(1000);
    expect(String(await a.ended)).toBe("LeaseLostError: lease controller: taken by thief");
    expect(a.log).toEqual(["leads@0", "stops@2000"]);
    expect(collection.get("controller")).toMatchObject({ spec: { holderIdentity: "thief" } });
    await finish(clock);
  });

  it("makes the lease anew when somebody deletes it", async () => {
    const { clock, collection, lease, join } = setUp();
    const a = join("a");
    await clock.run(1000);
    collection.delete("controller");
    await clock.run(20_000);
    expect(a.log).toEqual(["leads@0"]);
    expect(lease()).toMatchObject({ holderIdentity: "a" });
    await finish(clock, a);
  });

  it("believes its own clock, not the times in the lease", async () => {
    const { clock, collection, join } = setUp();
    // Expired by the wall clock for years; but perhaps that clock is wrong.
    const spec = { holderIdentity: "old", leaseDurationSeconds: 15, renewTime: "2020-01-01T00:00:00.000000Z" };
    collection.put({ metadata: { name: "controller" }, spec });
    const a = join("a");
    await clock.run(14_999);
    expect(a.log).toEqual([]);
    await clock.run(1);
    await clock.run(0);
    expect(a.log).toEqual(["leads@15000"]);
    await finish(clock, a);
  });

  it("takes nothing but a renewal for a sign of life", async () => {
    const { clock, collection, join } = setUp();
    const spec = { holderIdentity: "old", leaseDurationSeconds: 15 };
    collection.put({ metadata: { name: "controller" }, spec });
    const a = join("a");
    await clock.run(10_000);
    collection.put({ metadata: { name: "controller", labels: { touched: "yes" } }, spec });
    await clock.run(5000);
    await clock.run(0);
    expect(a.log).toEqual(["leads@15000"]);
    await finish(clock, a);
  });

  it("counts from when it asked for the lease, not from when it was told", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    a.client.delayMs = 3000;
    await clock.run(3000);
    a.client.line = "refused";
    a.client.delayMs = 0;
    await clock.run(20_000);
    expect(a.log).toEqual(["leads@3000", "stops@10000"]);
    await finish(clock, a);
  });

  it("does not lead again when a renewal is answered too late", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(1000);
    a.client.delayMs = 30_000;
    await clock.run(60_000);
    expect(await a.ended).toBeInstanceOf(LeaseLostError);
    expect(a.election.mayWrite()).toBe(false);
    await finish(clock, a);
  });

  it("elects one of many, and the next when that one vanishes", async () => {
    const { clock, collection, join } = setUp();
    const all = ["a", "b", "c", "d"].map((id) => join(id));
    await clock.run(20_000);
    const [first] = all.filter(({ log }) => log.length > 0);
    expect(all.flatMap(({ log }) => log)).toHaveLength(1);
    if (first !== undefined) first.client.line = "refused";
    await clock.run(60_000);
    const leaders = all.filter(({ election }) => election.mayWrite());
    expect(leaders).toHaveLength(1);
    expect(leaders[0]).not.toBe(first);
    expect(collection.get("controller")?.spec?.leaseTransitions).toBe(1);
    await finish(clock, ...all);
  });

  it("rests when its work ends by itself, and hands on what its work throws", async () => {
    const { clock, collection } = setUp();
    const client = new MemoryClient(collection, clock);
    const options = { client, namespace: "berth", name: "controller", identity: "a", logger: nullLogger, clock };
    const election = new LeaseElection({ ...options, metrics: new Registry(), random: () => 0 });
    const { signal } = new AbortController();
    await election.run(() => Promise.resolve(), signal);
    await expect(election.run(() => Promise.reject(new Error("broken")), signal)).rejects.toThrow("broken");
    expect(collection.get("controller")).toMatchObject({ spec: { holderIdentity: "" } });
    expect(clock.pending).toEqual([]);
  });

  it("may be stopped while it stands by", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(0);
    const b = join("b");
    await clock.run(1000);
    b.stop.abort(new Error("SIGTERM"));
    expect(await b.ended).toBe("released");
    expect(b.client.writes).toEqual([]);
    await finish(clock, a);
  });
});
