import { type Clock, onAbort, type Random, sleep } from "../base/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { SyncRetry } from "./sync-retry.ts";

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

/**
 * Runs `sync` for triggers: the first at once, those that come meanwhile as one more run after the minimum interval.
 * A run that fails is repeated with back-off, or with the next trigger. So that triggers without end make no load and no
 * log without end, it is followed by a pause as long as itself, and of a second once it has failed again. There is no
 * other rhythm: that the kernel still holds what was written is for drift detection to see.
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
    const retry = new SyncRetry(maxRetryMs, random);
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
        retry.succeeded();
      } catch (err) {
        const times = retry.failed(clock.monotonic() - start);
        pauseMs = Math.max(minIntervalMs, times.pauseMs);
        againMs = Math.max(pauseMs, times.againMs);
        logger.error("rules not programmed", { err, attempt: retry.failures, retryMs: againMs });
      }
      if (againMs !== undefined) again = clock.schedule(() => this.trigger(), againMs);
      // Only an abort ends the pause early, and the loop sees that.
      await sleep(pauseMs, signal, clock).catch(() => {});
    }
  }
}
