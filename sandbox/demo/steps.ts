import { type Clock, errorMessage, FailureError, isAbort, sleep } from "../../src/base/index.ts";

export interface StepsOptions {
  readonly write: (text: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long one condition is awaited before its step fails. */
  readonly limitMs: number;
}

/** Runs the demo's steps one after the other, tells each with its time, and gives a failure the name of its step. */
export class Steps {
  readonly #options: StepsOptions;

  constructor(options: StepsOptions) {
    this.#options = options;
  }

  /** Throws FailureError naming the step when `work` throws, unless the demo was stopped. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { write, clock, signal } = this.#options;
    const started = clock.monotonic();
    const took = (): string => `${((clock.monotonic() - started) / 1000).toFixed(2)} s`;
    try {
      const result = await work();
      write(`  ok    ${name} (${took()})\n`);
      return result;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      write(`  FAIL  ${name} (${took()})\n`);
      throw new FailureError(`step "${name}" failed: ${errorMessage(error)}`, { cause: error });
    }
  }

  /** Asks until `probe` stops throwing, and returns what it returned; throws its last error at the limit. */
  async until<T>(probe: () => Promise<T>): Promise<T> {
    const { clock, signal, limitMs } = this.#options;
    const deadline = clock.monotonic() + limitMs;
    for (;;) {
      try {
        return await probe();
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        if (clock.monotonic() >= deadline) {
          throw new Error(`not within ${limitMs / 1000} s: ${errorMessage(error)}`, { cause: error });
        }
      }
      await sleep(pollMs, signal, clock);
    }
  }
}

const pollMs = 50;
