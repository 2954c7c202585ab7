import type { Clock } from "../../base/index.ts";

/** Gives each key a turn of its own, in the order in which they ask, at a rate that nobody notices. */
export class Pacer {
  readonly #clock: Clock;
  readonly #gapMs: number;
  readonly #turns = new Map<string, number>();
  #nextAt = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#gapMs = 1000 / perSecond;
    this.#clock = clock;
  }

  /** Milliseconds until it is this key's turn; undefined when it is now, which uses it up. */
  waitOf(key: string): number | undefined {
    const now = this.#clock.monotonic();
    const known = this.#turns.get(key);
    const turn = known ?? Math.max(this.#nextAt, now);
    if (known === undefined) this.#nextAt = turn + this.#gapMs;
    if (turn > now) {
      this.#turns.set(key, turn);
      return turn - now;
    }
    this.#turns.delete(key);
    return undefined;
  }
}
