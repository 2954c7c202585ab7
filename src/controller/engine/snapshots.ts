import { type Clock, errorMessage, isAbort, orAborted } from "../../base/index.ts";
import { decide, type ProviderAdapter, type ScopeKey } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { scopeName } from "./scope-name.ts";

/** So long a snapshot may prove that nothing is to do. */
const maxAgeMs = 60_000;

interface Snapshot {
  /** Monotonic: when its reading began. */
  readonly takenAt: number;
  readonly covers: ReadonlySet<string>;
  /** Undefined when it could not be taken. */
  readonly taken: Promise<{ readonly value: unknown } | undefined>;
}

/**
 * Batched reads: one for all load balancers of a provider, when the first of them has to be checked. One of which
 * something was heard or changed since is looked at live.
 */
export class Snapshots {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keysOf: (adapter: ProviderAdapter) => readonly ScopeKey[];
  readonly #latest = new Map<string, Snapshot>();
  /** By provider, then by scope: since when what was read before does not count. */
  readonly #doubts = new Map<string, Map<string, number>>();

  /** `keysOf` tells all scopes that a snapshot should be about. */
  constructor(clock: Clock, logger: Logger, keysOf: (adapter: ProviderAdapter) => readonly ScopeKey[]) {
    this.#clock = clock;
    this.#logger = logger;
    this.#keysOf = keysOf;
  }

  /** What was read before now does not count for this scope. */
  doubt(provider: string, key: ScopeKey): void {
    const doubts = this.#doubts.get(provider) ?? new Map<string, number>();
    this.#doubts.set(provider, doubts);
    doubts.set(scopeName(provider, key), this.#clock.monotonic());
  }

  /** How old the latest one of a provider is; undefined without one. */
  ageMs(provider: string): number | undefined {
    const latest = this.#latest.get(provider);
    return latest === undefined ? undefined : this.#clock.monotonic() - latest.takenAt;
  }

  /**
   * Undefined when only a live look will do. `mayTake`: a new one may be taken, as many others are due too; for one
   * scope alone a live look is cheaper. Throws when the provider asks to be left alone.
   */
  async of(
    adapter: ProviderAdapter,
    key: ScopeKey,
    mayTake: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly value: unknown } | undefined> {
    const name = scopeName(adapter.name, key);
    const known = this.#latest.get(adapter.name);
    const isFresh = known !== undefined && this.#clock.monotonic() - known.takenAt <= maxAgeMs;
    const latest = isFresh ? known : mayTake ? this.#take(adapter, name, signal) : undefined;
    const doubtedAt = this.#doubts.get(adapter.name)?.get(name);
    if (latest?.covers.has(name) !== true || (doubtedAt !== undefined && doubtedAt >= latest.takenAt)) return undefined;
    return await orAborted(latest.taken, signal);
  }

  #take(adapter: ProviderAdapter, wanted: string, signal: AbortSignal): Snapshot | undefined {
    const keys = this.#keysOf(adapter);
    const covers = new Set(keys.map((key) => scopeName(adapter.name, key)));
    if (!covers.has(wanted)) return undefined;
    this.#doubts.delete(adapter.name);
    const takenAt = this.#clock.monotonic();
    const taken = this.#read(adapter, keys, signal);
    // Who waits for it hears of a pause; nobody may.
    taken.catch(() => {});
    const snapshot = { takenAt, covers, taken };
    this.#latest.set(adapter.name, snapshot);
    return snapshot;
  }

  /** What cannot be read for all may still be read for each. */
  async #read(
    adapter: ProviderAdapter,
    keys: readonly ScopeKey[],
    signal: AbortSignal,
  ): Promise<{ readonly value: unknown } | undefined> {
    try {
      return { value: await adapter.snapshot(keys, signal) };
    } catch (error) {
      if (decide(error).kind === "pause") {
        this.#latest.delete(adapter.name);
        throw error;
      }
      if (!isAbort(error, signal))
        this.#logger.warn("cannot take a snapshot", { provider: adapter.name, why: errorMessage(error) });
      return undefined;
    }
  }
}
