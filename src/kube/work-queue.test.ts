import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { sleep } from "../base/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { driftPriority, initialPriority, type Work, WorkQueue, type WorkResult } from "./index.ts";

function setUp(): { queue: WorkQueue; clock: FakeClock; metrics: Registry } {
  const clock = new FakeClock();
  const metrics = new Registry();
  const backoff = { baseMs: 10, capMs: 80 };
  return {
    queue: new WorkQueue({ name: "test", logger: nullLogger, metrics, clock, random: () => 0, backoff }),
    clock,
    metrics,
  };
}

const signal = new AbortController().signal;

/** Takes whatever is ready, in order. */
async function drain(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.size > 0) {
    const key = (await queue.get(signal)) ?? "";
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

describe("WorkQueue", () => {
  it("returns items in order; de-duplicates", async () => {
    const { queue } = setUp();
    for (const key of ["a", "b", "a", "c"]) queue.add(key);
    expect(await drain(queue)).toEqual(["a", "b", "c"]);
  });

  it("doesn't return a locked item, returns it when unlocked; enqueues a locked item once: a key is never worked on twice at a time", async () => {
    const { queue } = setUp();
    queue.add("a");
    expect(await queue.get(signal)).toBe("a");
    queue.add("a");
    queue.add("a");
    expect(queue.size).toBe(0);
    queue.done("a");
    expect(await drain(queue)).toEqual(["a"]);
  });

  it("retains the highest priority; will not decrease priority; follows FIFO in the new priority", async () => {
    const { queue } = setUp();
    queue.add("old-1", initialPriority);
    queue.add("old-2", initialPriority);
    queue.add("new-1");
    queue.add("old-2");
    queue.add("new-1", initialPriority);
    expect(await drain(queue)).toEqual(["new-1", "old-2", "old-1"]);
  });

  it("retains the lowest after: the earliest time that was asked for", async () => {
    const { queue, clock } = setUp();
    queue.addAfter("a", 100);
    queue.addAfter("a", 50);
    queue.addAfter("a", 200);
    clock.advance(49);
    expect(queue.size).toBe(0);
    clock.advance(1);
    expect(await drain(queue)).toEqual(["a"]);
    expect(clock.pending).toEqual([]);
  });

  it("lets a plain add end a wait", async () => {
    const { queue, clock } = setUp();
    queue.addAfter("a", 100, 5);
    queue.add("b");
    queue.add("a");
    expect(await drain(queue)).toEqual(["a", "b"]);
    expect(clock.pending).toEqual([]);
  });

  it("waits longer after each failure up to the cap, until forgotten", async () => {
    const { queue, clock } = setUp();
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      queue.addRateLimited("a");
      waits.push(clock.pending[0] ?? -1);
      clock.advance(80);
      await drain(queue);
    }
    expect(waits).toEqual([10, 20, 40, 80, 80]);
    expect(queue.failures("a")).toBe(5);
    queue.forget("a");
    queue.addRateLimited("a");
    expect(clock.pending).toEqual([10]);
  });

  it("keeps the priority of a key that is put back while at work", async () => {
    const { queue, clock } = setUp();
    queue.add("old", initialPriority);
    await queue.get(signal);
    queue.addRateLimited("old");
    queue.done("old");
    queue.add("new");
    clock.advance(10);
    queue.add("newer");
    expect(await drain(queue)).toEqual(["new", "newer", "old"]);
  });

  it("hands keys to whoever waits longest", async () => {
    const { queue } = setUp();
    const first = queue.get(signal);
    const second = queue.get(signal);
    queue.add("a");
    queue.add("b");
    expect(await Promise.all([first, second])).toEqual(["a", "b"]);
  });

  it("gives nothing to a getter that was aborted meanwhile", async () => {
    const { queue } = setUp();
    const stop = new AbortController();
    const aborted = queue.get(stop.signal);
    stop.abort();
    queue.add("a");
    expect(await aborted).toBeUndefined();
    expect(await drain(queue)).toEqual(["a"]);
  });

  it("shuts down: ready keys drain, waiting ones go, getters end, adds are ignored", async () => {
    const { queue, clock } = setUp();
    queue.add("a");
    queue.addAfter("later", 10);
    let drained = false;
    const done = queue.shutdown().then(() => (drained = true));
    queue.add("b");
    expect(await queue.get(signal)).toBe("a");
    expect(await queue.get(signal)).toBeUndefined();
    expect(drained).toBe(false);
    queue.done("a");
    await done;
    expect(clock.pending).toEqual([]);
  });

  it("Get does not hang at shutdown: getters that wait end", async () => {
    const { queue } = setUp();
    const waiting = queue.get(signal);
    await queue.shutdown();
    expect(await waiting).toBeUndefined();
  });

  it("requeue on error and continue; RequeueAfter not rate-limited: others go on meanwhile", async () => {
    const { queue, clock } = setUp();
    const stop = new AbortController();
    const runs: string[] = [];
    let failures = 2;
    const running = queue.run(
      2,
      (key) => {
        runs.push(`${key}@${clock.monotonic()}`);
        if (key === "bad" && failures-- > 0) throw new Error("no");
        return Promise.resolve(key === "again" && runs.length < 5 ? { requeueAfterMs: 1000 } : undefined);
      },
      stop.signal,
    );
    queue.add("bad");
    queue.add("again");
    await clock.run(2000);
    expect(runs).toEqual(["bad@0", "again@0", "bad@10", "bad@30", "again@1000"]);
    expect([queue.failures("bad"), queue.failures("again")]).toEqual([0, 0]);
    stop.abort();
    await running;
    expect(clock.pending).toEqual([]);
  });

  it.each<[string, (Error | number | "panic" | "ok")[], number[]]>([
    [
      "that fails comes back later each time (backoff not reset until a non-error result)",
      [new Error("no"), new Error("no"), "ok"],
      [0, 10, 30],
    ],
    ["whose work throws before it returns comes back as well (panic recovered)", ["panic", "ok"], [0, 10]],
    [
      "that asks to run again does so without a back-off (RequeueAfter not rate-limited)",
      [1000, 1000, "ok"],
      [0, 1000, 2000],
    ],
    ["that asks for less than nothing runs at once", [-5, "ok"], [0, 0]],
    [
      "begins with the first back-off after a success (a non-error result resets it)",
      [new Error("no"), new Error("no"), 500, new Error("no"), "ok"],
      [0, 10, 30, 530, 540],
    ],
  ])("runs a key %s", async (_, outcomes, times) => {
    const { queue, clock } = setUp();
    const stop = new AbortController();
    const runs: number[] = [];
    const work: Work = (): Promise<WorkResult | void> => {
      const outcome = outcomes[runs.length];
      runs.push(clock.monotonic());
      if (outcome === "panic") throw new Error("panic");
      if (outcome instanceof Error) return Promise.reject(outcome);
      return Promise.resolve(typeof outcome === "number" ? { requeueAfterMs: outcome } : undefined);
    };
    const running = queue.run(1, work, stop.signal);
    queue.add("a");
    // What runs again at once needs no time, only turns.
    for (let turn = 0; turn < 5; turn++) await clock.run(0);
    await clock.run(5000);
    expect(runs).toEqual(times);
    stop.abort();
    await running;
  });

  it("does not count work as failed that was aborted", async () => {
    const { queue, metrics } = setUp();
    const stop = new AbortController();
    const running = queue.run(1, (_, signal) => sleep(1000, signal), stop.signal);
    queue.add("a");
    await setImmediate();
    stop.abort(new Error("stopped"));
    await running;
    expect(queue.failures("a")).toBe(0);
    expect(await metrics.metrics()).toContain('workqueue_retries_total{name="test"} 0');
  });

  it("lets work at hand end after a stop, and begins no more", async () => {
    const { queue } = setUp();
    const stop = new AbortController();
    const step = Promise.withResolvers<void>();
    const begun: string[] = [];
    const running = queue.run(
      1,
      async (key) => {
        begun.push(key);
        await step.promise;
      },
      stop.signal,
    );
    queue.add("a");
    queue.add("b");
    await setImmediate();
    stop.abort();
    step.resolve();
    await running;
    expect(begun).toEqual(["a"]);
  });

  it("tells its depth, waits and work as client-go does", async () => {
    const { queue, clock, metrics } = setUp();
    queue.add("a");
    queue.add("b");
    clock.advance(3000);
    await queue.get(signal);
    clock.advance(5000);
    const text = await metrics.metrics();
    expect(text).toContain('workqueue_depth{name="test"} 1\n');
    expect(text).toContain('workqueue_adds_total{name="test"} 2\n');
    expect(text).toContain('workqueue_queue_duration_seconds_sum{name="test"} 3\n');
    expect(text).toContain('workqueue_unfinished_work_seconds{name="test"} 5\n');
    expect(text).toContain('workqueue_longest_running_processor_seconds{name="test"} 5\n');
  });

  it("shows what is ready by priority, what is in work, and what waits for its time", async () => {
    const { queue, clock } = setUp();
    queue.add("a", initialPriority);
    queue.add("b");
    queue.add("c", initialPriority);
    queue.add("d");
    queue.addAfter("e", 3000, driftPriority);
    await queue.get(signal);
    clock.advance(1000);
    const { ready, working, waiting } = queue.state();
    expect(Object.fromEntries(ready)).toEqual({ 0: ["d"], [initialPriority]: ["a", "c"] });
    expect(working).toEqual(["b"]);
    expect(waiting).toEqual([{ key: "e", priority: driftPriority, inMs: 2000 }]);
  });
});
