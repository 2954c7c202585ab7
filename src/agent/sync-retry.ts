import { Backoff, type Clock, type Random } from "../base/index.ts";

/** A restore that the kernel refuses is tried again soon, and in the end as often as kube-proxy does. */
const retry = { baseMs: 500, jitter: 0.2 } as const;

/** What kube-proxy leaves between two runs, whatever became of the first. */
const maxPauseMs = 1000;

/** How long to wait after a failure. */
export interface RetryTimes {
  /** Until the next try, whatever asks for it: as long as the failed one took, or a second if it fails again and again. */
  readonly pauseMs: number;
  /** Until the next try if nothing asks for it. */
  readonly againMs: number;
}

/** After how long work that failed is done again, with back-off up to a limit. */
export class SyncRetry {
  readonly #backoff: Backoff;

  /** `maxMs`: kube-proxy's sync period. */
  constructor(maxMs: number, random: Random) {
    this.#backoff = new Backoff({ ...retry, capMs: maxMs }, random);
  }

  get failures(): number {
    return this.#backoff.failures;
  }

  /** Counts a failure that took so long. */
  failed(durationMs: number): RetryTimes {
    const backoffMs = Math.round(this.#backoff.next());
    const pauseMs = Math.max(Math.min(backoffMs, maxPauseMs), durationMs);
    return { pauseMs, againMs: Math.max(pauseMs, backoffMs) };
  }

  succeeded(): void {
    this.#backoff.reset();
  }
}

/**
 * When an address family is tried again whose rules could not be written. Changes of its own rules may come before its
 * back-off is over, those of the other family do not bring it on: else a family that fails would fail with each of them.
 */
export class FamilyRetry {
  readonly #retry: SyncRetry;
  readonly #clock: Clock;
  /** On the monotonic clock; undefined: the last try did not fail. */
  #due: { readonly soonest: number; readonly latest: number } | undefined;

  constructor(maxMs: number, clock: Clock, random: Random) {
    this.#retry = new SyncRetry(maxMs, random);
    this.#clock = clock;
  }

  get failures(): number {
    return this.#retry.failures;
  }

  /** How many milliseconds the next try is to wait; undefined: none. */
  get waitMs(): number | undefined {
    const wait = (this.#due?.latest ?? 0) - this.#clock.monotonic();
    return wait > 0 ? wait : undefined;
  }

  /** Whether the last try failed. */
  get isFailing(): boolean {
    return this.#due !== undefined;
  }

  /** Other rules are to be written than those that failed. */
  hurry(): void {
    if (this.#due !== undefined) this.#due = { ...this.#due, latest: this.#due.soonest };
  }

  /** A try failed that took so long. Returns how many milliseconds the next one is to wait. */
  failed(durationMs: number): number {
    const { pauseMs, againMs } = this.#retry.failed(durationMs);
    const now = this.#clock.monotonic();
    this.#due = { soonest: now + pauseMs, latest: now + againMs };
    return againMs;
  }

  succeeded(): void {
    this.#due = undefined;
    this.#retry.succeeded();
  }
}
