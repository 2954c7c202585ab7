import type { Clock } from "../base/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { counter, gauge, histogram } from "./instruments.ts";

/** As client-go and controller-runtime: 10 ns to 10 s, and 1000 s of the latter. */
const buckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];
const refreshMs = 1000;

/** The `workqueue_*` metrics under the names that client-go gave them. */
export class QueueInstruments {
  readonly #clock: Clock;
  readonly #readyAt = new Map<string, number>();
  readonly #takenAt = new Map<string, number>();
  readonly #countAdd: () => void;
  readonly #countRetry: () => void;
  readonly #setDepth: (depth: number) => void;
  readonly #observeWait: (seconds: number) => void;
  readonly #observeWork: (seconds: number) => void;
  readonly #setUnfinished: (total: number, longest: number) => void;
  #timer: Disposable | undefined;

  constructor(name: string, metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    const labels = ["name"] as const;
    const depth = gauge(metrics, "workqueue_depth", "Keys that are ready.", labels);
    const adds = counter(metrics, "workqueue_adds_total", "Keys that became ready.", labels);
    const retries = counter(metrics, "workqueue_retries_total", "Keys added again with back-off.", labels);
    const wait = histogram(metrics, "workqueue_queue_duration_seconds", "Ready until taken.", labels, buckets);
    const work = histogram(metrics, "workqueue_work_duration_seconds", "Taken until done.", labels, buckets);
    const unfinished = gauge(metrics, "workqueue_unfinished_work_seconds", "Sum over keys in work.", labels);
    const longest = gauge(metrics, "workqueue_longest_running_processor_seconds", "Longest in work.", labels);
    adds.inc({ name }, 0);
    retries.inc({ name }, 0);
    this.#countAdd = () => adds.inc({ name });
    this.#countRetry = () => retries.inc({ name });
    this.#setDepth = (value) => depth.set({ name }, value);
    this.#observeWait = (seconds) => wait.observe({ name }, seconds);
    this.#observeWork = (seconds) => work.observe({ name }, seconds);
    this.#setUnfinished = (total, max) => {
      unfinished.set({ name }, total);
      longest.set({ name }, max);
    };
    this.#setDepth(0);
    this.#setUnfinished(0, 0);
  }

  retried(): void {
    this.#countRetry();
  }

  ready(key: string): void {
    this.#countAdd();
    this.#readyAt.set(key, this.#clock.monotonic());
    this.#setDepth(this.#readyAt.size);
  }

  taken(key: string): void {
    const now = this.#clock.monotonic();
    this.#observeWait((now - (this.#readyAt.get(key) ?? now)) / 1000);
    this.#readyAt.delete(key);
    this.#setDepth(this.#readyAt.size);
    this.#takenAt.set(key, now);
    this.#timer ??= this.#clock.schedule(() => this.#refresh(), refreshMs);
  }

  done(key: string): void {
    const now = this.#clock.monotonic();
    this.#observeWork((now - (this.#takenAt.get(key) ?? now)) / 1000);
    this.#takenAt.delete(key);
    if (this.#takenAt.size > 0) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#setUnfinished(0, 0);
  }

  /** While something is in work, so that a worker that hangs shows. */
  #refresh(): void {
    const now = this.#clock.monotonic();
    const ages = [...this.#takenAt.values()].map((at) => (now - at) / 1000);
    this.#setUnfinished(
      ages.reduce((sum, age) => sum + age, 0),
      Math.max(0, ...ages),
    );
    this.#timer = this.#clock.schedule(() => this.#refresh(), refreshMs);
  }
}
