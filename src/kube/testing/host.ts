import type { FakeClock } from "../../base/fake-clock.ts";
import type { Clock } from "../../base/index.ts";

/**
 * A process as its clocks see it: a wall clock that may be wrong, a monotonic clock with an origin of its own, and the
 * whole of it may stand still for a while. What falls due meanwhile happens when it goes on, in the order of its time.
 */
export class Host implements Clock {
  readonly #time: FakeClock;
  readonly #skewMs: number;
  readonly #upMs: number;
  readonly #late: (() => void)[] = [];
  #frozen = false;

  constructor(time: FakeClock, skewMs: number, upMs: number) {
    this.#time = time;
    this.#skewMs = skewMs;
    this.#upMs = upMs;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  now(): number {
    return this.#time.now() + this.#skewMs;
  }

  monotonic(): number {
    return this.#time.monotonic() + this.#upMs;
  }

  schedule(run: () => void, delayMs: number): Disposable {
    let disposed = false;
    const timer = this.#time.schedule(() => this.awake(() => disposed || run()), delayMs);
    return {
      [Symbol.dispose]() {
        disposed = true;
        timer[Symbol.dispose]();
      },
    };
  }

  /** Runs it now, or as soon as the process goes on. */
  awake(run: () => void): void {
    if (this.#frozen) this.#late.push(run);
    else run();
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    for (const run of this.#late.splice(0)) this.#time.schedule(() => this.awake(run), 0);
  }
}
