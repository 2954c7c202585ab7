import { Backoff, type Clock, isAbort, orAborted, type Random, sleep } from "../../base/index.ts";
import type { Follow, FollowResult } from "../../kernel/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { TableName } from "../plan/index.ts";
import type { DriftTarget } from "./checker.ts";
import { CheckShares } from "./cpu-share.ts";
import type { OwnWrites, TableChange } from "./own-writes.ts";
import { processText, Suspects } from "./suspects.ts";
import { Transactions } from "./transactions.ts";
import type { CheckResult, DriftWatch, Suspect } from "./watch.ts";

export interface NftWatchOptions {
  readonly target: DriftTarget;
  readonly follow: Follow;
  /** Resolves when the kernel tells this process of changes. */
  readonly listening: (pid: number, signal: AbortSignal) => Promise<void>;
  readonly ownWrites: OwnWrites;
  readonly cpuMs: () => number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Tools make several changes in a row; the checks of one are the checks of all. */
const settleMs = 25;
const restart = { baseMs: 500, capMs: 30_000, jitter: 0.2 } as const;
/** A monitor that ran for so long may end again without having to wait longer than the first. */
const soundMs = 60_000;
const unknownRetryMs = 1000;
const tableNames: readonly TableName[] = ["nat", "filter", "mangle"];

/**
 * Has the kernel tell of changes, on nf_tables. `nft monitor` costs 11 microseconds an event (260 ms for the 23,000 of
 * 1,000 Services) and nothing at rest. Without events for new rules (`monitor destroy`) insertions would go unseen,
 * and only the unfiltered form tells where transactions end and who made them; it prints traced packets (`-j TRACE`)
 * too, while somebody traces.
 */
export class NftWatch implements DriftWatch {
  readonly #options: NftWatchOptions;
  readonly #suspects = new Suspects();
  readonly #shares: CheckShares;
  #wake = Promise.withResolvers<void>();

  constructor(options: NftWatchOptions) {
    this.#options = options;
    this.#shares = new CheckShares(options.clock);
  }

  async run(check: (suspect: Suspect) => Promise<CheckResult>, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const both = [this.#monitor(either), this.#check(check, either)];
    try {
      await Promise.all(both);
    } finally {
      ended.abort();
      await Promise.allSettled(both);
    }
  }

  async #monitor(signal: AbortSignal): Promise<void> {
    const { logger, clock, random } = this.#options;
    const backoff = new Backoff(restart, random);
    for (;;) {
      const start = clock.monotonic();
      const { code, stderr } = await this.#follow(signal);
      if (clock.monotonic() - start > soundMs) backoff.reset();
      const retryMs = Math.round(backoff.next());
      logger.warn("nft monitor ended; started again", {
        retryMs,
        ...(code !== undefined && { code }),
        ...(stderr !== "" && { why: stderr.trim() }),
      });
      await sleep(retryMs, signal, clock);
    }
  }

  async #follow(signal: AbortSignal): Promise<FollowResult> {
    const { follow, listening, ownWrites } = this.#options;
    using stack = new DisposableStack();
    const transactions = new Transactions();
    return await follow("nft", ["monitor"], {
      signal,
      onLine: (line) => this.#line(transactions.line(line)),
      onStart: (pid) => {
        stack.use(ownWrites.track((change) => this.#changed(change)));
        void listening(pid, signal).then(() => this.#suspectAll());
      },
    });
  }

  #line(changes: readonly TableChange[] | "lost"): void {
    if (changes !== "lost") {
      for (const change of changes) this.#changed(change);
      return;
    }
    this.#options.logger.warn("nft monitor lost events; all tables are compared");
    this.#suspectAll();
  }

  #changed(change: TableChange): void {
    const { target, ownWrites } = this.#options;
    const { family, table, chains, gone, process } = change;
    const kernel = target.kernels.find((one) => one.family === family);
    const program = kernel?.applier.program?.get(table as TableName);
    const jumpsFrom = new Set(program?.jumps.map(({ from }) => from));
    const matters = (chain: string): boolean => program?.chains.has(chain) === true || jumpsFrom.has(chain);
    if (ownWrites.claim(change, matters) || program === undefined) return;
    const touched = gone ? undefined : [...chains].filter(matters);
    if (touched?.length === 0) return;
    this.#suspects.add(family, table as TableName, touched, process && [processText(process)]);
    this.#wake.resolve();
  }

  #suspectAll(): void {
    // A family that has no rules yet is looked at when it has.
    for (const { family, applier } of this.#options.target.kernels)
      for (const table of applier.program?.keys() ?? tableNames) this.#suspects.add(family, table, undefined);
    this.#wake.resolve();
  }

  async #check(check: (suspect: Suspect) => Promise<CheckResult>, signal: AbortSignal): Promise<void> {
    const { logger, clock, random, cpuMs } = this.#options;
    const backoff = new Backoff(restart, random);
    for (;;) {
      await orAborted(this.#wake.promise, signal);
      this.#wake = Promise.withResolvers();
      await sleep(Math.max(settleMs, this.#shares.waitMs()), signal, clock);
      const before = cpuMs();
      const again: Suspect[] = [];
      let pauseMs = unknownRetryMs;
      let repaired = false;
      for (const suspect of this.#suspects.take())
        try {
          const result = await check(suspect);
          if (result === "unknown") again.push(suspect);
          else backoff.reset();
          repaired ||= result === "repaired";
        } catch (err) {
          if (isAbort(err, signal)) throw err;
          pauseMs = Math.max(pauseMs, Math.round(backoff.next()));
          const { family, table } = suspect;
          logger.error("rules not compared with the kernel", { family, table, err, retryMs: pauseMs });
          again.push(suspect);
        }
      this.#shares.spend(cpuMs() - before, repaired);
      if (again.length > 0) this.#later(again, pauseMs, signal);
    }
  }

  /** What cannot be checked now does not hold up the rest. */
  #later(suspects: readonly Suspect[], delayMs: number, signal: AbortSignal): void {
    const check = (): void => {
      for (const { family, table, chains, by } of suspects) this.#suspects.add(family, table, chains, by);
      this.#wake.resolve();
    };
    void sleep(delayMs, signal, this.#options.clock).then(check, () => {});
  }
}
