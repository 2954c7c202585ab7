import type { Clock } from "../../base/index.ts";

/** Of one core, for all checks that find nothing: 2 % less what an idle process costs and what is not measured. */
export const maxShare = 0.015;

/** And while we change the rules ourselves, for each table: what we wrote is compared once more, with iptables. */
export const changingShare = 0.05;

/** Saved-up share that checks which find nothing may spend at once. */
const checksBurstMs = 2000;
/** And those that repair: some incidents in a row are mended as fast as one, be they whole tables. */
const repairsBurstMs = 15_000;
/** However much was spent, whoever alters our rules all the time is answered after this. */
const longestWaitMs = 5000;
const leastGapMs = 250;

/** Spreads checks that come without being asked for, so that in the long run they cost no more than their shares. */
export class CheckShares {
  readonly #checks: CpuShare;
  readonly #repairs: CpuShare;

  constructor(clock: Clock) {
    this.#checks = new CpuShare(clock, checksBurstMs);
    this.#repairs = new CpuShare(clock, repairsBurstMs);
  }

  /** Counts processor time that a check has just taken. */
  spend(cpuMs: number, repaired: boolean): void {
    (repaired ? this.#repairs : this.#checks).spend(cpuMs);
  }

  /** How long the next check has to wait, in ms. */
  waitMs(): number {
    return Math.max(this.#checks.waitMs(), this.#repairs.waitMs());
  }
}

class CpuShare {
  readonly #clock: Clock;
  readonly #burstMs: number;
  #balanceMs: number;
  #countedAt: number;
  #lastSpent = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, burstMs: number) {
    this.#clock = clock;
    this.#burstMs = this.#balanceMs = burstMs;
    this.#countedAt = clock.monotonic();
  }

  spend(cpuMs: number): void {
    this.#balanceMs = this.#balance() - cpuMs;
    this.#countedAt = this.#lastSpent = this.#clock.monotonic();
  }

  waitMs(): number {
    const gap = this.#lastSpent + leastGapMs - this.#clock.monotonic();
    return Math.max(0, gap, Math.min(longestWaitMs, -this.#balance() / maxShare));
  }

  #balance(): number {
    return Math.min(this.#burstMs, this.#balanceMs + (this.#clock.monotonic() - this.#countedAt) * maxShare);
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
