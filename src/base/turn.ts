/** Steps in one turn of the event loop: some milliseconds of parsing objects and telling handlers of them. */
const maxSteps = 64;

/** Tells work that never has to wait when to let timers, input and output have their turn all the same. */
export class Turn {
  #steps = 0;

  /** Counts a step, or one that is as long as `weight` of them. Whether it was the last that this turn takes, so that the next turn must be awaited. */
  step(weight = 1): boolean {
    // However the turn ends, the next one counts anew.
    if (this.#steps === 0) setImmediate(() => (this.#steps = 0));
    this.#steps += weight;
    return this.#steps >= maxSteps;
  }

  next(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** Work that is cut into steps, each of which says how long it is in steps of a turn. */
export type Steps<T> = Generator<number, T, void>;

/** Does the work and lets others have their turn in between. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  const turn = new Turn();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (turn.step(value)) await turn.next();
  }
}

/** Does the work in one go. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
