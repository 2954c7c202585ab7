import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { nullLogger } from "../telemetry/index.ts";
import { WorkQueue } from "./index.ts";

interface Item {
  readonly at: number;
  /** Its time has come. */
  ready: boolean;
  readonly priority: number;
  /** Its place among those of its priority. */
  order: number;
}

/** The semantics of controller-runtime's priority queue, said as plainly as possible. */
class Model {
  now = 0;
  closed = false;
  readonly items = new Map<string, Item>();
  /** Keys in work, with the priority that they were handed out with. */
  readonly working = new Map<string, number>();
  readonly failures = new Map<string, number>();
  /** Getters that wait, the longest waiting first. */
  readonly getters: Getter[] = [];
  #orders = 0;

  put(key: string, at: number, priority: number): void {
    if (this.closed) return;
    const before = this.items.get(key);
    const earliest = Math.min(at, before?.at ?? at);
    const item = {
      at: earliest,
      ready: earliest <= this.now,
      priority: Math.max(priority, before?.priority ?? priority),
      order: before?.order ?? 0,
    };
    // First come, first served is by when a key became ready, or was given its priority.
    if (before?.ready !== true || item.priority !== before.priority) item.order = this.#orders++;
    this.items.set(key, item);
    this.handOut();
  }

  fail(key: string, priority: number | undefined): void {
    if (this.closed) return;
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    this.put(key, this.now + Math.min(10 * 2 ** failures, 80), priority ?? this.working.get(key) ?? 0);
  }

  get ready(): string[] {
    const ready = [...this.items].filter(([key, { ready }]) => ready && !this.working.has(key));
    ready.sort(([, a], [, b]) => b.priority - a.priority || a.order - b.order);
    return ready.map(([key]) => key);
  }

  take(): string | undefined {
    const [key] = this.ready;
    if (key === undefined) return undefined;
    this.working.set(key, this.items.get(key)?.priority ?? 0);
    this.items.delete(key);
    return key;
  }

  done(key: string): void {
    this.working.delete(key);
    const item = this.items.get(key);
    // What became ready while at work queues up behind the others.
    if (item?.ready === true) item.order = this.#orders++;
    this.handOut();
  }

  pass(ms: number): void {
    const end = this.now + ms;
    const due = [...this.items.values()].filter(({ ready, at }) => !ready && at <= end);
    for (const item of due.sort((a, b) => a.at - b.at || a.order - b.order)) {
      item.ready = true;
      item.order = this.#orders++;
      this.handOut();
    }
    this.now = end;
  }

  shutdown(): void {
    this.closed = true;
    for (const [key, { ready }] of this.items) if (!ready) this.items.delete(key);
    for (const getter of this.getters.splice(0)) getter.expected = { key: undefined };
  }

  handOut(): void {
    while (this.getters.length > 0 && this.ready.length > 0) {
      const [getter] = this.getters.splice(0, 1);
      if (getter !== undefined) getter.expected = { key: this.take() };
    }
  }
}

/** One call of `get`: what it gave, and what it should have. Neither is set while it waits. */
class Getter {
  readonly stop: AbortController = new AbortController();
  actual: { key: string | undefined } | undefined;
  expected: { key: string | undefined } | undefined;

  constructor(queue: WorkQueue) {
    void queue.get(this.stop.signal).then((key) => (this.actual = { key }));
  }
}

class Real {
  readonly clock = new FakeClock();
  readonly metrics = new Registry();
  readonly queue: WorkQueue;
  readonly getters: Getter[] = [];
  drained = false;

  constructor() {
    const { clock, metrics } = this;
    const backoff = { baseMs: 10, capMs: 80 };
    this.queue = new WorkQueue({ name: "test", logger: nullLogger, metrics, clock, random: () => 0, backoff });
  }

  async value(metric: string): Promise<number> {
    const { values } = (await this.metrics.getSingleMetric(metric)?.get()) ?? { values: [] };
    return values[0]?.value ?? Number.NaN;
  }
}

type Command = fc.AsyncCommand<Model, Real>;

function command(name: string, act: (model: Model, real: Real) => void): Command {
  return {
    check: () => true,
    async run(model, real) {
      act(model, real);
      await setImmediate();
      for (const getter of real.getters) expect(getter.actual).toEqual(getter.expected);
      expect(real.queue.size).toBe(model.ready.length);
      expect(await real.value("workqueue_depth")).toBe(model.ready.length);
      for (const key of keys) expect(real.queue.failures(key)).toBe(model.failures.get(key) ?? 0);
      expect(real.drained).toBe(model.closed && model.working.size === 0 && model.ready.length === 0);
    },
    toString: () => name,
  };
}

const keys = ["a", "b", "c", "d"];
const key = fc.constantFrom(...keys);
const priority = fc.constantFrom(-100, 0, 5);
const perhaps = fc.option(priority, { nil: undefined });

const commands: fc.Arbitrary<Command>[] = [
  fc.tuple(key, priority).map(([key, priority]) =>
    command(`add ${key} with ${priority}`, (model, { queue }) => {
      queue.add(key, priority);
      model.put(key, model.now, priority);
    }),
  ),
  fc.tuple(key, fc.constantFrom(-5, 0, 5, 10, 20), perhaps).map(([key, delay, priority]) =>
    command(`addAfter ${key} ${delay} ms with ${priority}`, (model, { queue }) => {
      queue.addAfter(key, delay, priority);
      model.put(key, model.now + Math.max(0, delay), priority ?? model.working.get(key) ?? 0);
    }),
  ),
  fc.tuple(key, perhaps).map(([key, priority]) =>
    command(`addRateLimited ${key} with ${priority}`, (model, { queue }) => {
      queue.addRateLimited(key, priority);
      model.fail(key, priority);
    }),
  ),
  key.map((key) =>
    command(`forget ${key}`, (model, { queue }) => {
      queue.forget(key);
      model.failures.delete(key);
    }),
  ),
  fc.constant(
    command("get", (model, { queue, getters }) => {
      const getter = new Getter(queue);
      getters.push(getter);
      const key = model.take();
      if (key !== undefined || model.closed) getter.expected = { key };
      else model.getters.push(getter);
    }),
  ),
  fc.nat().map((pick) =>
    command(`abort getter ${pick}`, (model) => {
      const [getter] = model.getters.splice(pick % Math.max(1, model.getters.length), 1);
      if (getter === undefined) return;
      getter.stop.abort();
      getter.expected = { key: undefined };
    }),
  ),
  key.map((key) =>
    command(`done ${key}`, (model, { queue }) => {
      queue.done(key);
      if (model.working.has(key)) model.done(key);
    }),
  ),
  fc.nat({ max: 40 }).map((ms) =>
    command(`${ms} ms pass`, (model, { clock }) => {
      clock.advance(ms);
      model.pass(ms);
    }),
  ),
  fc.constant(
    command("shutdown", (model, real) => {
      void real.queue.shutdown().then(() => (real.drained = true));
      model.shutdown();
    }),
  ),
];

/** A queue that is shut down has little left to show: seldom. */
const mostly = [...Array.from({ length: 8 }, () => commands.slice(0, -1)).flat(), ...commands.slice(-1)];

it("behaves as its model does, whatever is asked of it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(mostly, { maxCommands: 100, size: "+1" }), async (commands) => {
      const real = new Real();
      const model = new Model();
      await fc.asyncModelRun(() => ({ model, real }), commands);
      // Whatever is left comes to its end.
      const shutdown = real.queue.shutdown();
      model.shutdown();
      while (model.working.size > 0 || model.ready.length > 0) {
        for (const key of model.working.keys()) {
          real.queue.done(key);
          model.done(key);
        }
        const key = model.take();
        expect(await real.queue.get(new AbortController().signal)).toBe(key);
      }
      await shutdown;
      expect(real.clock.pending).toEqual([]);
      expect(await real.value("workqueue_depth")).toBe(0);
      expect(await real.value("workqueue_unfinished_work_seconds")).toBe(0);
    }),
    { numRuns: 100 },
  );
}, 60_000);
