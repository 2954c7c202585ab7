import { Backoff, type Clock, onAbort, type Random, sleep } from "../base/index.ts";
import type { Logger } from "../telemetry/index.ts";

export interface SyncLoopOptions {
  /**
   * Brings everything up to date; whatever was missing stays missing when it throws. Resolves with the milliseconds
   * after which to run again though nothing asks for it, if something is left to be done.
   */
  readonly sync: () => Promise<number | undefined>;
  /** From the end of one run to the start of the next. */
  readonly minIntervalMs: number;
  /** A run that failed is repeated after no longer than this: kube-proxy's sync period. */
  readonly maxRetryMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** A restore that the kernel refuses is tried again soon, and in the end as often as kube-proxy does. */
const retry = { baseMs: 500, jitter: 0.2 } as const;

/** What kube-proxy leaves between two runs, whatever became of the first. */
const maxPauseMs = 1000;

/**
 * Runs `sync` for triggers: the first at once, those that come meanwhile as one more run after the minimum interval.
 * A run that fails is repeated with back-off, or with the next trigger: what one family or table is refused for must not
 * keep changes of another back. So that triggers without end make no load and no log without end, a run that fails is
 * followed by a pause as long as itself, and of a second once it has failed again. There is no other rhythm: that the
 * kernel still holds what was written is for drift detection to see.
 */
export class SyncLoop {
  readonly #options: SyncLoopOptions;
  #wake = Promise.withResolvers<void>();

  constructor(options: SyncLoopOptions) {
    this.#options = options;
  }

  trigger(): void {
    this.#wake.resolve();
  }

  /** Resolves when `signal` is aborted and the run that was under way has ended: a half-written state helps nobody. */
  async run(signal: AbortSignal): Promise<void> {
    const { sync, minIntervalMs, maxRetryMs, logger, clock, random } = this.#options;
    const backoff = new Backoff({ ...retry, capMs: maxRetryMs }, random);
    using later = new DisposableStack();
    let again: Disposable | undefined;
    later.defer(() => again?.[Symbol.dispose]());
    // Not a race with one promise of the abort, which would keep a reaction of every run for as long as the agent lives.
    using _stop = onAbort(signal, () => this.trigger());
    while (!signal.aborted) {
      await this.#wake.promise;
      if (signal.aborted) return;
      this.#wake = Promise.withResolvers();
      again?.[Symbol.dispose]();
      const start = clock.monotonic();
      let pauseMs = minIntervalMs;
      let againMs: number | undefined;
      try {
        againMs = await sync();
        backoff.reset();
      } catch (err) {
        const backoffMs = Math.round(backoff.next());
        pauseMs = Math.max(minIntervalMs, Math.min(backoffMs, maxPauseMs), clock.monotonic() - start);
        againMs = Math.max(pauseMs, backoffMs);
        logger.error("rules not programmed", { err, attempt: backoff.failures, retryMs: againMs });
      }
      if (againMs !== undefined) again = clock.schedule(() => this.trigger(), againMs);
      // Only an abort ends the pause early, and the loop sees that.
      await sleep(pauseMs, signal, clock).catch(() => {});
    }
  }
}
