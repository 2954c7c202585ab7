import type { Clock } from "../base/index.ts";

/** So many per second on average, and so many at once after a rest. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Lets requests through at a rate. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #gapMs: number;
  readonly #slackMs: number;
  /** When the next token would be due if none had been saved up. */
  #dueAt = 0;

  constructor({ perSecond, burst }: Rate, clock: Clock) {
    this.#clock = clock;
    this.#gapMs = 1000 / perSecond;
    this.#slackMs = (burst - 1) * this.#gapMs;
    this.#dueAt = clock.monotonic();
  }

  /** How long the next one has to wait, in milliseconds. */
  get waitMs(): number {
    return Math.max(0, this.#dueAt - this.#slackMs - this.#clock.monotonic());
  }

  take(): void {
    this.#dueAt = Math.max(this.#dueAt, this.#clock.monotonic()) + this.#gapMs;
  }
}
