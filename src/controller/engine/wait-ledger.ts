import type { Clock } from "../../base/index.ts";
import type { PlanTime, Wait } from "../../provider/index.ts";

/** Since when the plan of each key waits for what. Lost with the process: a wait then starts anew. */
export class WaitLedger {
  readonly #clock: Clock;
  readonly #seen = new Map<string, ReadonlyMap<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  timeFor(key: string): PlanTime {
    return {
      now: this.#clock.now(),
      since: (waitId) => {
        const first = this.#seen.get(key)?.get(waitId);
        return first === undefined ? 0 : this.#clock.monotonic() - first;
      },
    };
  }

  note(key: string, waits: readonly Wait[]): void {
    const before = this.#seen.get(key);
    const now = this.#clock.monotonic();
    if (waits.length === 0) this.#seen.delete(key);
    else this.#seen.set(key, new Map(waits.map(({ id }) => [id, before?.get(id) ?? now])));
  }
}
