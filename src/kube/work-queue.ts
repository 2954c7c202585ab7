import { setImmediate } from "node:timers/promises";
import { Backoff, type Clock, isAbort, onAbort, type Random, systemClock, systemRandom } from "../base/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { QueueInstruments } from "./queue-instruments.ts";

export interface WorkQueueOptions {
  /** For metrics and log lines. */
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Of a key that failed n times: base * 2^n up to the cap. As client-go by default: 5 ms to 1000 s. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

/** What was there when we started waits for what happens now. */
export const initialPriority = -100;
/** What only looks whether all is as it was waits for everything else. */
export const driftPriority = -200;

export interface WorkResult {
  /** Run again after so long, whatever happens; not a failure. */
  readonly requeueAfterMs?: number;
  /** With which priority; by default the one that it had. */
  readonly priority?: number;
}

/** Reconciles one key. When it throws, the key comes back after its back-off. */
export type Work = (key: string, signal: AbortSignal) => Promise<WorkResult | void>;

/** What a queue holds now. */
export interface QueueState {
  /** By priority, in the order in which they are taken. */
  readonly ready: ReadonlyMap<number, readonly string[]>;
  readonly working: readonly string[];
  readonly waiting: readonly { readonly key: string; readonly priority: number; readonly inMs: number }[];
}

interface Waiting {
  readonly readyAt: number;
  readonly priority: number;
  readonly timer: Disposable;
}

/**
 * Keys that need work. A key is in it once, with the highest priority and the earliest time that was asked for, and
 * is never worked on twice at a time: what is added meanwhile runs once more after. Within a priority, first come
 * first served.
 */
export class WorkQueue implements Disposable {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #newBackoff: () => Backoff;
  readonly #instruments: QueueInstruments;
  /** Ready keys by priority; a Set keeps the order of arrival. */
  readonly #ready = new Map<number, Set<string>>();
  readonly #waiting = new Map<string, Waiting>();
  /** Keys in work, with the priority that they had. */
  readonly #processing = new Map<string, number>();
  /** Keys that became ready while in work, with their new priority. */
  readonly #dirty = new Map<string, number>();
  readonly #backoffs = new Map<string, Backoff>();
  /** Who waits for a key, the longest waiting first. */
  readonly #idle = new Set<(key: string | undefined) => void>();
  readonly #drained = Promise.withResolvers<void>();
  #closed = false;

  constructor(options: WorkQueueOptions) {
    const { name, logger, metrics, clock = systemClock, random = systemRandom } = options;
    const backoff = options.backoff ?? { baseMs: 5, capMs: 1_000_000 };
    this.#logger = logger;
    this.#clock = clock;
    this.#newBackoff = () => new Backoff(backoff, random);
    this.#instruments = new QueueInstruments(name, metrics, clock);
  }

  /** The key needs work now, even if it was to wait out a back-off. */
  add(key: string, priority = 0): void {
    if (this.#closed) return;
    const waiting = this.#unwait(key);
    this.#makeReady(key, Math.max(priority, waiting?.priority ?? priority));
  }

  /** The key needs work in a while; an earlier time that was asked for before stays. Keeps its priority by default. */
  addAfter(key: string, delayMs: number, priority: number = this.#processing.get(key) ?? 0): void {
    if (this.#closed) return;
    if (delayMs <= 0 || this.#priorityOf(key) !== undefined) {
      this.add(key, priority);
      return;
    }
    const before = this.#unwait(key);
    const readyAt = Math.min(this.#clock.monotonic() + delayMs, before?.readyAt ?? Number.POSITIVE_INFINITY);
    const highest = Math.max(priority, before?.priority ?? priority);
    const timer = this.#clock.schedule(() => {
      this.#waiting.delete(key);
      this.#makeReady(key, highest);
    }, readyAt - this.#clock.monotonic());
    this.#waiting.set(key, { readyAt, priority: highest, timer });
  }

  /** The key failed once more and comes back after its back-off. */
  addRateLimited(key: string, priority?: number): void {
    if (this.#closed) return;
    let backoff = this.#backoffs.get(key);
    if (backoff === undefined) {
      backoff = this.#newBackoff();
      this.#backoffs.set(key, backoff);
    }
    this.#instruments.retried();
    this.addAfter(key, backoff.next(), priority);
  }

  /** The next failure of the key is its first again. Does not take it out of the queue. */
  forget(key: string): void {
    this.#backoffs.delete(key);
  }

  failures(key: string): number {
    return this.#backoffs.get(key)?.failures ?? 0;
  }

  /** How many keys are ready. */
  get size(): number {
    let size = 0;
    for (const keys of this.#ready.values()) size += keys.size;
    return size;
  }

  /** For people to look at. */
  state(): QueueState {
    const now = this.#clock.monotonic();
    return {
      ready: new Map([...this.#ready].filter(([, keys]) => keys.size > 0).map(([at, keys]) => [at, [...keys]])),
      working: [...this.#processing.keys()],
      waiting: [...this.#waiting].map(([key, { priority, readyAt }]) => ({ key, priority, inMs: readyAt - now })),
    };
  }

  /** The next key, to be handed back with `done`; undefined when aborted, or shut down and empty. */
  get(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const key = this.#take();
    if (key !== undefined || this.#closed) return Promise.resolve(key);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#idle.add(resolve);
    const listener = onAbort(signal, () => {
      this.#idle.delete(resolve);
      resolve(undefined);
    });
    return promise.finally(() => listener[Symbol.dispose]());
  }

  done(key: string): void {
    if (!this.#processing.delete(key)) return;
    this.#instruments.done(key);
    const priority = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (priority !== undefined) this.#makeReady(key, priority);
    this.#settle();
  }

  /** Takes no more keys and forgets those that wait for their time; resolves once the ready ones are done. */
  shutdown(): Promise<void> {
    this.#closed = true;
    for (const key of this.#waiting.keys()) this.#unwait(key);
    for (const resolve of this.#idle) resolve(undefined);
    this.#idle.clear();
    this.#settle();
    return this.#drained.promise;
  }

  /**
   * Works off keys, so many at a time, until aborted; then lets the work at hand end. A success forgets the failures
   * of its key, whether or not it asks to run again.
   */
  async run(workers: number, work: Work, signal: AbortSignal): Promise<void> {
    using _ = onAbort(signal, () => this[Symbol.dispose]());
    await Promise.all(Array.from({ length: workers }, () => this.#worker(work, signal)));
  }

  [Symbol.dispose](): void {
    void this.shutdown();
  }

  async #worker(work: Work, signal: AbortSignal): Promise<void> {
    for (let key = await this.get(signal); key !== undefined; key = await this.get(signal)) {
      try {
        // The abort may have come between handing the key out and this.
        signal.throwIfAborted();
        const result = await work(key, signal);
        this.forget(key);
        if (result?.requeueAfterMs !== undefined) this.addAfter(key, result.requeueAfterMs, result.priority);
      } catch (err) {
        if (!isAbort(err, signal)) {
          this.addRateLimited(key);
          this.#logger.warn("work failed", { key, err, attempt: this.failures(key) });
        }
      } finally {
        this.done(key);
      }
      // A long row of keys must not keep timers and sockets waiting.
      await setImmediate();
    }
  }

  #makeReady(key: string, priority: number): void {
    const known = this.#priorityOf(key);
    if (known !== undefined && known >= priority) return;
    if (this.#processing.has(key)) {
      this.#dirty.set(key, priority);
      return;
    }
    if (known === undefined) this.#instruments.ready(key);
    else this.#ready.get(known)?.delete(key);
    const keys = this.#ready.get(priority);
    if (keys === undefined) this.#ready.set(priority, new Set([key]));
    else keys.add(key);
    const [next] = this.#idle;
    if (next === undefined) return;
    this.#idle.delete(next);
    next(this.#take());
  }

  /** The priority of a key that is ready, or will be when its work ends. */
  #priorityOf(key: string): number | undefined {
    const dirty = this.#dirty.get(key);
    if (dirty !== undefined) return dirty;
    for (const [priority, keys] of this.#ready) if (keys.has(key)) return priority;
    return undefined;
  }

  #take(): string | undefined {
    let highest: number | undefined;
    for (const [priority, keys] of this.#ready)
      if (keys.size > 0 && (highest === undefined || priority > highest)) highest = priority;
    if (highest === undefined) return undefined;
    const keys = this.#ready.get(highest);
    const [key] = keys ?? [];
    if (key === undefined) return undefined;
    keys?.delete(key);
    this.#processing.set(key, highest);
    this.#instruments.taken(key);
    return key;
  }

  #unwait(key: string): Waiting | undefined {
    const waiting = this.#waiting.get(key);
    waiting?.timer[Symbol.dispose]();
    this.#waiting.delete(key);
    return waiting;
  }

  #settle(): void {
    if (this.#closed && this.#processing.size === 0 && this.size === 0) this.#drained.resolve();
  }
}
