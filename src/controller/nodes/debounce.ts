import type { Clock } from "../../base/index.ts";

/** So long must it be quiet, and so long at most does a call wait. */
const quietMs = 1000;
const maxWaitMs = 10_000;

/** One call for many that come soon after each other. */
export class Debounce implements Disposable {
  readonly #run: () => void;
  readonly #clock: Clock;
  #timer: Disposable | undefined;
  #firstAt: number | undefined;

  constructor(run: () => void, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
  }

  call(): void {
    const now = this.#clock.monotonic();
    this.#firstAt ??= now;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.schedule(
      () => {
        this.#firstAt = undefined;
        this.#run();
      },
      Math.min(quietMs, this.#firstAt + maxWaitMs - now),
    );
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
