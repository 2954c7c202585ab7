import type { Clock } from "../../src/base/index.ts";

/** So long AWS is not asked again. */
const keptMs = 5 * 60_000;

/** Instances that AWS refused to register, though they looked as if it would take them. */
export class Refusals {
  readonly #clock: Clock;
  /** By target group and instance: when (monotonic). */
  readonly #refused = new Map<string, Map<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(targetGroup: string, ids: readonly string[]): void {
    const known = this.#refused.get(targetGroup) ?? new Map<string, number>();
    this.#refused.set(targetGroup, known);
    for (const id of ids) known.set(id, this.#clock.monotonic());
  }

  forget(targetGroup: string): void {
    this.#refused.delete(targetGroup);
  }

  of(targetGroup: string): readonly string[] {
    const now = this.#clock.monotonic();
    return [...(this.#refused.get(targetGroup) ?? [])].flatMap(([id, at]) => (now - at < keptMs ? [id] : [])).sort();
  }
}
