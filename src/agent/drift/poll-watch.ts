import { Backoff, type Clock, isAbort, type Random, sleep } from "../../base/index.ts";
import type { Family } from "../../net/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { TableName } from "../plan/index.ts";
import type { DriftTarget } from "./checker.ts";
import { checkPeriods, leastPeriodMs } from "./cpu-share.ts";
import type { CheckResult, DriftWatch, Suspect } from "./watch.ts";

export interface PollWatchOptions {
  readonly target: DriftTarget;
  readonly cpuMs: () => number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

interface Polled {
  readonly family: Family;
  readonly table: TableName;
  /** Of the last checks, in ms of processor time. */
  readonly costs: number[];
  /** When that began. */
  checkedAt: number;
}

const retry = { baseMs: 1000, capMs: 30_000, jitter: 0.2 } as const;

const costSamples = 3;

/**
 * Reads tables again and again, where the kernel tells of no changes. Legacy tables have no cheap hint: what asks for
 * one chain, or for the canary, makes the kernel hand over all of its table (measured for 17,000 rules: 35 ms for a
 * chain, 42 ms for everything as text). Table mangle is the canary: it costs 3 ms, and when it lost ours everything
 * is looked at.
 */
export class PollWatch implements DriftWatch {
  readonly #options: PollWatchOptions;

  constructor(options: PollWatchOptions) {
    this.#options = options;
  }

  async run(check: (suspect: Suspect) => Promise<CheckResult>, signal: AbortSignal): Promise<void> {
    const { target, clock, random, cpuMs, logger } = this.#options;
    const backoff = new Backoff(retry, random);
    const polled = new Map<string, Polled>();
    for (;;) {
      for (const { family, applier } of target.kernels)
        for (const table of applier.program?.keys() ?? [])
          polled.getOrInsertComputed(`${family} ${table}`, () => ({ family, table, costs: [], checkedAt: -Infinity }));
      const { key, waitMs } = next(polled, clock.monotonic());
      await sleep(waitMs, signal, clock);
      const one = key === undefined ? undefined : polled.get(key);
      if (one === undefined) continue;
      const { family, table } = one;
      one.checkedAt = clock.monotonic();
      const before = cpuMs();
      try {
        const result = await check({ family, table, chains: undefined, by: [] });
        backoff.reset();
        // Who flushes one table flushes others.
        if (result === "repaired")
          for (const other of polled.values())
            if (other.family === family && other !== one) other.checkedAt = -Infinity;
        if (result === "intact") one.costs.push(cpuMs() - before);
        one.costs.splice(0, one.costs.length - costSamples);
      } catch (err) {
        if (isAbort(err, signal)) throw err;
        const retryMs = Math.round(backoff.next());
        logger.error("rules not compared with the kernel", { family, table, err, retryMs });
        await sleep(retryMs, signal, clock);
      }
    }
  }
}

/** The least of the last ones: what else the process did meanwhile counts in. Only the first is like no other. */
function costOf(costs: readonly number[]): number {
  return costs.length < 2 ? 0 : Math.min(...costs);
}

/** Which one falls due first, and in how many ms. */
function next(polled: ReadonlyMap<string, Polled>, now: number): { key: string | undefined; waitMs: number } {
  const periods = checkPeriods(new Map([...polled].map(([key, { costs }]) => [key, costOf(costs)])));
  let first: { key: string | undefined; waitMs: number } = { key: undefined, waitMs: leastPeriodMs };
  for (const [key, { checkedAt }] of polled) {
    const waitMs = Math.max(0, checkedAt + (periods.get(key) ?? leastPeriodMs) - now);
    if (waitMs < first.waitMs || first.key === undefined) first = { key, waitMs };
  }
  return first;
}
