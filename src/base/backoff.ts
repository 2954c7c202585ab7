import { type Random, systemRandom } from "./random.ts";

export interface BackoffOptions {
  /** First delay in milliseconds. */
  readonly baseMs: number;
  /** No delay is longer than this, jitter apart. */
  readonly capMs: number;
  readonly factor?: number;
  /** A delay d becomes d * [1, 1 + jitter). */
  readonly jitter?: number;
}

/** Exponential back-off with a cap and jitter, as client-go's; the caller decides what counts as success. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #failures = 0;

  constructor(options: BackoffOptions, random: Random = systemRandom) {
    this.#options = options;
    this.#random = random;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns how many milliseconds to wait before the next try. */
  next(): number {
    const { baseMs, capMs, factor = 2, jitter = 0 } = this.#options;
    const delay = Math.min(capMs, baseMs * factor ** this.#failures);
    this.#failures += 1;
    return delay * (1 + jitter * this.#random());
  }

  reset(): void {
    this.#failures = 0;
  }
}
