import { type IPAddressPool, ipAddressPools } from "../../api/index.ts";
import { Backoff, type Clock, isAbort, orAborted, type Random, sleep } from "../../base/index.ts";
import { type PoolUsage, readPool } from "../../ipam/index.ts";
import { FencedError, isConflict, isNotFound, type KubeClient, mergeDiff, type Store } from "../../kube/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { type Write, WriteError, whyRefused } from "../status/write-error.ts";
import { poolStatus } from "./pool-status.ts";

export interface PoolStatusWriterOptions {
  readonly client: Pick<KubeClient, "mergePatch">;
  readonly pools: Store<IPAddressPool>;
  readonly usageOf: (pool: string) => PoolUsage | undefined;
  /** Asked before each write; a text says why there may be none. */
  readonly mayWrite: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A pool is written at most once in so long, however many Services come and go. */
const debounceMs = 1000;
const write: Write = { what: "its status", right: "patch ipaddresspools.berth.dev/status" };
const backoff = { baseMs: 1000, capMs: 60_000, jitter: 0.2 } as const;

/** Tells people how far pools are used up. Writes nothing that a pool says already, and nothing depends on it. */
export class PoolStatusWriter {
  readonly #options: PoolStatusWriterOptions;
  /** By name: why the status of a pool is not written, as told last. */
  readonly #told = new Map<string, string>();
  /** Resolved: something may have changed since the last look. */
  #touched = Promise.withResolvers<void>();

  constructor(options: PoolStatusWriterOptions) {
    this.#options = options;
  }

  /** The status of a pool may not be true any more. */
  touch(): void {
    this.#touched.resolve();
  }

  /** Until `leading` aborts; `end` aborts the write that is at hand then. */
  async run(leading: AbortSignal, end: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const waits = new Backoff(backoff, random);
    try {
      for (;;) {
        await orAborted(this.#touched.promise, leading);
        await sleep(debounceMs, leading, clock);
        this.#touched = Promise.withResolvers();
        if (await this.#writeAll(end)) waits.reset();
        else {
          await sleep(waits.next(), leading, clock);
          this.touch();
        }
      }
    } catch (error) {
      // Whoever leads next writes it.
      if (!isAbort(error, leading) && !isAbort(error, end) && !(error instanceof FencedError)) throw error;
    }
  }

  /** False when some pool has to be tried again. */
  async #writeAll(signal: AbortSignal): Promise<boolean> {
    let done = true;
    for (const pool of this.#options.pools.list()) {
      if (this.#options.mayWrite() !== undefined) return false;
      done = (await this.#write(pool, signal)) && done;
    }
    return done;
  }

  async #write(pool: IPAddressPool, signal: AbortSignal): Promise<boolean> {
    const { client, pools, usageOf, clock } = this.#options;
    const usage = usageOf(pool.metadata.name ?? "");
    if (usage === undefined) return true;
    const status = poolStatus(pool, usage, readPool(pool).invalid, clock.now());
    const patch = mergeDiff(pool.status ?? {}, status);
    if (patch === undefined) return true;
    try {
      pools.overlay(
        await client.mergePatch(ipAddressPools, pool, { status: patch }, signal, { subresource: "status" }),
      );
      this.#told.delete(pool.metadata.name ?? "");
      return true;
    } catch (error) {
      if (isAbort(error, signal) || error instanceof FencedError) throw error;
      if (isNotFound(error)) return true;
      if (!isConflict(error)) this.#tell(pool.metadata.name ?? "", whyRefused(new WriteError(write, error)));
      return false;
    }
  }

  /** Once for each reason, as it is tried again every minute. */
  #tell(pool: string, why: string): void {
    if (this.#told.get(pool) === why) return;
    this.#told.set(pool, why);
    this.#options.logger.warn("cannot write the status of a pool", { key: pool, why });
  }
}
