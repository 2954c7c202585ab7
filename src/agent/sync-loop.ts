import { Backoff, type Clock, type Random, sleep } from "../base/index.ts";
import type { Logger } from "../telemetry/index.ts";

export interface SyncLoopOptions {
  /** Brings everything up to date; whatever was missing stays missing when it throws. */
  readonly sync: () => Promise<void>;
  /** From the end of one run to the start of the next. */
  readonly minIntervalMs: number;
  /** The longest pause behind a run that failed; 30 s unless told otherwise. */
  readonly maxRetryMs?: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** A restore that the kernel refuses is tried again soon, and in the end as often as kube-proxy does. */
const retry = { baseMs: 500, jitter: 0.2 } as const;

/**
 * Runs `sync` for triggers: the first at once, those that come meanwhile as one more run after the minimum interval.
 * A run that fails is repeated with back-off, and what comes meanwhile waits with it.
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
    const { sync, minIntervalMs, maxRetryMs = 30_000, logger, clock, random } = this.#options;
    const backoff = new Backoff({ ...retry, baseMs: Math.min(retry.baseMs, maxRetryMs), capMs: maxRetryMs }, random);
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    while (!signal.aborted) {
      await Promise.race([this.#wake.promise, stopped.promise]);
      if (signal.aborted) return;
      this.#wake = Promise.withResolvers();
      let pauseMs = minIntervalMs;
      try {
        await sync();
        backoff.reset();
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
