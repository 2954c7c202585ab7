import type { Clock } from "../../base/index.ts";

/** Of one core, for all checks that find nothing: 2 % less what an idle process costs. */
export const maxShare = 0.018;

/** Saved-up share that may be spent at once: some incidents in a row are repaired as fast as one. */
const burstMs = 2000;
/** However much was spent, whoever alters our rules all the time is answered after this. */
const longestWaitMs = 5000;
const leastGapMs = 250;

/** Spreads checks that come without being asked for, so that in the long run they cost no more than their share. */
export class CpuShare {
  readonly #clock: Clock;
  #balanceMs = burstMs;
  #countedAt: number;
  #lastSpent = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedAt = clock.monotonic();
  }

  /** Counts processor time that a check has just taken. */
  spend(cpuMs: number): void {
    this.#balanceMs = this.#balance() - cpuMs;
    this.#countedAt = this.#lastSpent = this.#clock.monotonic();
  }

  /** How long the next check has to wait, in ms. */
  waitMs(): number {
    const gap = this.#lastSpent + leastGapMs - this.#clock.monotonic();
    return Math.max(0, gap, Math.min(longestWaitMs, -this.#balance() / maxShare));
  }

  #balance(): number {
    return Math.min(burstMs, this.#balanceMs + (this.#clock.monotonic() - this.#countedAt) * maxShare);
  }
}

/** No table is read more often without a reason. What is found then is repaired within 5 s. */
export const leastPeriodMs = 4500;

/**
 * How often each of several things may be checked, in ms, so that all together take no more than their share; `costs`
 * in ms of processor time. The cheap ones, which would get by with an equal part, are not made to wait for the others.
 */
export function checkPeriods<K>(costs: ReadonlyMap<K, number>): Map<K, number> {
  const equalPart = (leastPeriodMs * maxShare) / Math.max(1, costs.size);
  const total = [...costs.values()].reduce((sum, cost) => sum + cost, 0);
  const cheap = [...costs.values()].filter((cost) => cost <= equalPart).reduce((sum, cost) => sum + cost, 0);
  const left = maxShare - cheap / leastPeriodMs;
  return new Map(
    [...costs].map(([key, cost]) => [
      key,
      cost <= equalPart ? leastPeriodMs : Math.max(leastPeriodMs, (total - cheap) / left),
    ]),
  );
}
