import { type Clock, orAborted } from "../../../src/base/index.ts";

interface Kept<T> {
  readonly value: Promise<T>;
  /** Monotonic: when its reading began. */
  readonly at: number;
}

/** What changes seldom and everybody asks for: read once for all who want it at a time, and kept for a while. */
export class Cached<T> {
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #read: (signal: AbortSignal) => Promise<T>;
  /** Of nobody: who asked first may be gone while others wait. */
  readonly #signal = new AbortController().signal;
  #kept: Kept<T> | undefined;

  constructor(ttlMs: number, clock: Clock, read: (signal: AbortSignal) => Promise<T>) {
    this.#ttlMs = ttlMs;
    this.#clock = clock;
    this.#read = read;
  }

  get(signal: AbortSignal): Promise<T> {
    return orAborted(this.#fresh().value, signal);
  }

  /** It is known to have changed. */
  clear(): void {
    this.#kept = undefined;
  }

  #fresh(): Kept<T> {
    const now = this.#clock.monotonic();
    if (this.#kept !== undefined && now - this.#kept.at < this.#ttlMs) return this.#kept;
    const kept = { value: this.#read(this.#signal), at: now };
    this.#kept = kept;
    // Who waits for it hears of a failure; the next one tries again.
    kept.value.catch(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    return kept;
  }
}
