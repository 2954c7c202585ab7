/** Who waits for a scope, and how to wake it. */
export class Waiters {
  /** By the scope that is waited for, then by who waits. */
  readonly #waiting = new Map<string, Map<string, () => void>>();

  /** `who` waits for these scopes now, whatever it waited for before. */
  note(who: string, on: readonly string[], wake: () => void): void {
    for (const [scope, waiting] of this.#waiting)
      if (waiting.delete(who) && waiting.size === 0) this.#waiting.delete(scope);
    for (const scope of on) {
      const waiting = this.#waiting.get(scope) ?? new Map<string, () => void>();
      this.#waiting.set(scope, waiting.set(who, wake));
    }
  }

  /** The scope came further or is done: each is woken once. */
  moved(scope: string): void {
    const waiting = this.#waiting.get(scope);
    this.#waiting.delete(scope);
    for (const wake of waiting?.values() ?? []) wake();
  }
}
