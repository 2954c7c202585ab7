import type { Clock } from "../../src/base/index.ts";
import { ProviderError } from "../../src/provider/index.ts";
import { notReached } from "./errors.ts";

/** So long nothing is asked after a request that was not answered. */
const restMs = 10_000;

/**
 * Whether AWS answers at all. While it does not, one request at a time finds out: all others fail at once, so that those
 * who do the work do not stand still for it.
 */
export class Reach {
  readonly #clock: Clock;
  /** Monotonic: when a request had waited in vain, and none was answered since. */
  #lostAt: number | undefined;
  #isTried = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws when it makes no sense to ask now; else to be disposed when it was asked. */
  enter(action: string): Disposable {
    if (this.#lostAt === undefined) return { [Symbol.dispose]() {} };
    if (this.#isTried || this.#clock.monotonic() - this.#lostAt < restMs)
      throw new ProviderError({ kind: "retryable" }, notReached(action, "it gave no answer a moment ago"));
    this.#isTried = true;
    return {
      [Symbol.dispose]: () => {
        this.#isTried = false;
      },
    };
  }

  note(isAnswered: boolean): void {
    this.#lostAt = isAnswered ? undefined : this.#clock.monotonic();
  }
}
