import type { Clock } from "./clock.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock for tests that stands still until it is told to move. */
export class FakeClock implements Clock {
  readonly #epoch: number;
  #elapsed = 0;
  #timers: Timer[] = [];

  constructor(epoch: number = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  schedule(run: () => void, delayMs: number): Disposable {
    const timer: Timer = { at: this.#elapsed + Math.max(0, delayMs), run };
    const behind = this.#timers.findIndex(({ at }) => at > timer.at);
    this.#timers.splice(behind === -1 ? this.#timers.length : behind, 0, timer);
    return {
      [Symbol.dispose]: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Delays from now until each timer that is set, in the order in which they will fire. */
  get pending(): readonly number[] {
    return this.#timers.map(({ at }) => at - this.#elapsed);
  }

  /** Moves on and fires, in order, every timer that falls due, also those set meanwhile. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    while (this.#fireNext(end));
    this.#elapsed = end;
  }

  /** As `advance`, but lets promises and input/output settle before and after each timer. */
  async run(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    do await turn();
    while (this.#fireNext(end));
    this.#elapsed = end;
  }

  #fireNext(end: number): boolean {
    const [timer] = this.#timers;
    if (timer === undefined || timer.at > end) return false;
    this.#timers.shift();
    this.#elapsed = timer.at;
    timer.run();
    return true;
  }
}

/** One full turn of the event loop: pending promises and ready I/O callbacks have run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
