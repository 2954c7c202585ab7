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
  /** When the last one began. */
  checkedAt: number;
  /** Not before this, when it failed. */
  retryAt: number;
  readonly backoff: Backoff;
}

const retry = { baseMs: leastPeriodMs, capMs: 60_000, jitter: 0.2 } as const;

const costSamples = 5;

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
    const polled = new Map<string, Polled>();
    for (;;) {
      for (const { family, applier } of target.kernels)
        for (const table of applier.program?.keys() ?? [])
          polled.getOrInsertComputed(`${family} ${table}`, () => ({
            family,
            table,
            costs: [],
            checkedAt: -Infinity,
            retryAt: -Infinity,
            backoff: new Backoff(retry, random),
          }));
      const { key, waitMs } = next(polled, clock.monotonic());
      await sleep(waitMs, signal, clock);
      const one = key === undefined ? undefined : polled.get(key);
      if (one === undefined) continue;
      const { family, table } = one;
      one.checkedAt = clock.monotonic();
      const before = cpuMs();
      try {
        const result = await check({ family, table, chains: undefined, by: [] });
        one.backoff.reset();
        // Who flushes one table flushes others.
        if (result === "repaired")
          for (const other of polled.values())
            if (other.family === family && other !== one) other.checkedAt = -Infinity;
        if (result === "intact") one.costs.push(cpuMs() - before);
        if (one.costs.length > costSamples) one.costs.shift();
      } catch (err) {
        if (isAbort(err, signal)) throw err;
        const retryMs = Math.round(one.backoff.next());
        one.retryAt = clock.monotonic() + retryMs;
        logger.error("rules not compared with the kernel", { family, table, err, retryMs });
      }
    }
  }
}

/** The median: what else the process did meanwhile counts in. Only the first, before anything is warm, is like no other. */
function costOf(costs: readonly number[]): number {
  return costs.length < 2 ? 0 : (costs.toSorted((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0);
}

/** Which one falls due first, and in how many ms. */
function next(polled: ReadonlyMap<string, Polled>, now: number): { key: string | undefined; waitMs: number } {
  const periods = checkPeriods(new Map([...polled].map(([key, { costs }]) => [key, costOf(costs)])));
  let first: { key: string | undefined; waitMs: number } = { key: undefined, waitMs: leastPeriodMs };
  for (const [key, { checkedAt, retryAt }] of polled) {
    const waitMs = Math.max(0, retryAt - now, checkedAt + (periods.get(key) ?? leastPeriodMs) - now);
    if (waitMs < first.waitMs || first.key === undefined) first = { key, waitMs };
  }
  return first;
}
