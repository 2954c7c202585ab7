import { Backoff, type Clock, type Random, sleep } from "../base/index.ts";
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

/**
 * Runs `sync` for triggers: the first at once, those that come meanwhile as one more run after the minimum interval.
 * A run that fails is repeated with back-off, and what comes meanwhile waits with it. There is no other rhythm: that
 * the kernel still holds what was written is for drift detection to see.
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
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    while (!signal.aborted) {
      await Promise.race([this.#wake.promise, stopped.promise]);
      if (signal.aborted) return;
      this.#wake = Promise.withResolvers();
      again?.[Symbol.dispose]();
      let pauseMs = minIntervalMs;
      try {
        const againMs = await sync();
        backoff.reset();
        if (againMs !== undefined) again = clock.schedule(() => this.trigger(), againMs);
      } catch (err) {
        pauseMs = Math.max(minIntervalMs, Math.round(backoff.next()));
        logger.error("rules not programmed", { err, attempt: backoff.failures, retryMs: pauseMs });
        this.trigger();
      }
      // Only an abort ends the pause early, and the loop sees that.
      await sleep(pauseMs, signal, clock).catch(() => {});
    }
  }
}
