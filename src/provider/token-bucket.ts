import type { Clock } from "../base/index.ts";

/** So many per second on average, and so many at once after a rest. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** However often it is refused: who waits for a turn must not wait for ever. */
const slowest = 1 / 4;
/** Requests that were on their way together are refused for one reason. */
const refusalsMs = 1000;
/** A token, as a rate of one each second saves it up in milliseconds. */
const whole = 1000;
/** So many answers bring back the whole rate. */
const recovery = 20;

/**
 * Lets requests through at a rate: half of it after each refusal, as others use the same limit, and more again with each
 * answer.
 */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: Rate;
  #perSecond: number;
  /** Thousandths of tokens; below zero: taken in advance. */
  #saved: number;
  /** Monotonic: when they were counted. */
  #countedAt: number;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(rate: Rate, clock: Clock) {
    this.#clock = clock;
    this.#rate = rate;
    this.#perSecond = rate.perSecond;
    this.#saved = rate.burst * whole;
    this.#countedAt = clock.monotonic();
  }

  /** How long the next one has to wait, in milliseconds. */
  get waitMs(): number {
    this.#count();
    return Math.max(0, (whole - this.#saved) / this.#perSecond);
  }

  /** At present. */
  get perSecond(): number {
    return this.#perSecond;
  }

  /** How many times as long as at the whole rate everything takes. */
  get slowness(): number {
    return this.#rate.perSecond / this.#perSecond;
  }

  take(): void {
    this.#count();
    this.#saved -= whole;
  }

  /** One was refused all the same: what was saved up is gone. */
  refused(): void {
    this.#count();
    this.#saved = Math.min(this.#saved, 0);
    const now = this.#clock.monotonic();
    if (now - this.#refusedAt < refusalsMs) return;
    this.#refusedAt = now;
    this.#perSecond = Math.max(this.#rate.perSecond * slowest, this.#perSecond / 2);
  }

  /** One was let through. */
  answered(): void {
    this.#count();
    this.#perSecond = Math.min(this.#rate.perSecond, this.#perSecond + this.#rate.perSecond / recovery);
  }

  #count(): void {
    const now = this.#clock.monotonic();
    this.#saved = Math.min(this.#rate.burst * whole, this.#saved + (now - this.#countedAt) * this.#perSecond);
    this.#countedAt = now;
  }
}
