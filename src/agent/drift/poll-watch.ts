import { Backoff, type Clock, isAbort, type Random, sleep } from "../../base/index.ts";
import type { Family } from "../../net/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { TableName } from "../plan/index.ts";
import type { DriftTarget } from "./checker.ts";
import { CheckShares, changingShare, checkPeriods, leastPeriodMs } from "./cpu-share.ts";
import type { LayoutWatch } from "./layout-watch.ts";
import type { CheckResult, DriftWatch, Suspect } from "./watch.ts";

export interface PollWatchOptions {
  readonly target: DriftTarget;
  /** Tells at which tables to look at once; undefined where the kernel does not tell it. */
  readonly layouts: Pick<LayoutWatch, "isAltered" | "contents" | "read" | "doubt"> | undefined;
  readonly cpuMs: () => number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

interface Polled {
  readonly family: Family;
  readonly table: TableName;
  /** What the next check will take if nothing was altered, in ms of processor time. */
  costMs: number;
  /** What the last one that found nothing took. */
  spentMs: number;
  /** Of the kernel, before the last one. */
  contents: string | undefined;
  /** When the last one began. */
  checkedAt: number;
  /** Not before this, when it failed. */
  retryAt: number;
  readonly backoff: Backoff;
}

const retry = { baseMs: leastPeriodMs, capMs: 60_000, jitter: 0.2 } as const;

/** Of the first check, which compares all rules; what says to the letter what it said before takes a quarter. */
const comparingMsPerRule = 0.009;
/** What else the process did meanwhile counts in, and should not keep a table from being read. */
const maxCostMs = 2000;

/** How often the layouts are looked at. */
const glanceMs = 500;

/**
 * Reads tables again and again, where the kernel tells of no changes: at once when the layout of one is another, and
 * else, for rules that were replaced by others of the same length, as often as a share of the processor allows; with
 * iptables only when the contents in the kernel are not those that were found intact. What asks iptables for one chain only makes the kernel hand over all of its table as well (measured for 17,000 rules:
 * 35 ms for a chain, 42 ms for everything as text).
 */
export class PollWatch implements DriftWatch {
  readonly #options: PollWatchOptions;
  readonly #polled = new Map<string, Polled>();
  /** For the checks that layouts ask for: somebody may alter tables all the time. */
  readonly #shares: CheckShares;
  /** Before this, layouts ask in vain. */
  #pauseUntil = -Infinity;

  constructor(options: PollWatchOptions) {
    this.#options = options;
    this.#shares = new CheckShares(options.clock);
  }

  async run(check: (suspect: Suspect) => Promise<CheckResult>, signal: AbortSignal): Promise<void> {
    const { clock, cpuMs } = this.#options;
    for (;;) {
      this.#admit();
      const altered = this.#altered();
      const { one, waitMs } = altered === undefined ? this.#next() : { one: altered, waitMs: 0 };
      if (one === undefined || waitMs > 0) {
        await sleep(Math.min(waitMs, glanceMs), signal, clock);
        continue;
      }
      const before = cpuMs();
      const result = await this.#check(one, check, signal);
      if (one !== altered) continue;
      this.#shares.spend(cpuMs() - before, result === "repaired");
      this.#pauseUntil = clock.monotonic() + this.#shares.waitMs();
    }
  }

  /** The rules were right when they were written, just before a table comes in here. */
  #admit(): void {
    const { target, clock, random } = this.#options;
    for (const { family, applier } of target.kernels)
      for (const [table, { chains }] of applier.program ?? [])
        this.#polled.getOrInsertComputed(`${family} ${table}`, () => ({
          family,
          table,
          costMs: comparingMsPerRule * chains.values().reduce((count, rules) => count + rules.length, 0),
          spentMs: 0,
          contents: undefined,
          checkedAt: clock.monotonic(),
          retryAt: -Infinity,
          backoff: new Backoff(retry, random),
        }));
  }

  #altered(): Polled | undefined {
    const { layouts, clock } = this.#options;
    const now = clock.monotonic();
    if (layouts === undefined || this.#pauseUntil > now) return undefined;
    return this.#polled
      .values()
      .find(({ family, table, retryAt }) => retryAt <= now && layouts.isAltered(family, table));
  }

  /** Which one falls due first, and in how many ms. */
  #next(): { one: Polled | undefined; waitMs: number } {
    const now = this.#options.clock.monotonic();
    const periods = checkPeriods(new Map(this.#polled.values().map((one) => [one, Math.min(one.costMs, maxCostMs)])));
    let first: { one: Polled | undefined; waitMs: number } = { one: undefined, waitMs: leastPeriodMs };
    for (const one of this.#polled.values()) {
      const periodMs = Math.max(periods.get(one) ?? leastPeriodMs, Math.min(one.spentMs, maxCostMs) / changingShare);
      const dueAt = Math.max(one.retryAt, one.checkedAt + periodMs);
      const waitMs = Math.max(0, dueAt - now);
      if (waitMs < first.waitMs || first.one === undefined) first = { one, waitMs };
    }
    return first;
  }

  /** Undefined when it failed. */
  async #check(
    one: Polled,
    check: (suspect: Suspect) => Promise<CheckResult>,
    signal: AbortSignal,
  ): Promise<CheckResult | undefined> {
    const { layouts, clock, cpuMs, logger } = this.#options;
    const { family, table } = one;
    one.checkedAt = clock.monotonic();
    layouts?.read(family, table);
    const before = cpuMs();
    const contents = layouts?.contents(family, table);
    const contentsMs = cpuMs() - before;
    try {
      const same = contents !== undefined && contents === one.contents;
      const result = same ? "intact" : await check({ family, table, chains: undefined, by: [] });
      one.contents = result === "intact" ? contents : undefined;
      one.backoff.reset();
      // Who alters one table alters others; layouts would tell.
      if (result === "repaired" && layouts === undefined)
        for (const other of this.#polled.values())
          if (other.family === family && other !== one) other.checkedAt = -Infinity;
      if (result === "intact") one.spentMs = cpuMs() - before;
      if (result === "intact") one.costMs = contents === undefined ? one.spentMs : contentsMs;
      return result;
    } catch (err) {
      if (isAbort(err, signal)) throw err;
      layouts?.doubt(family, table);
      const retryMs = Math.round(one.backoff.next());
      one.retryAt = clock.monotonic() + retryMs;
      logger.error("rules not compared with the kernel", { family, table, err, retryMs });
      return undefined;
    }
  }
}
