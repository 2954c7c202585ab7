import type { Gauge } from "prom-client";
import { type Service, services } from "../../api/index.ts";
import { type Clock, errorMessage, isAbort, sleep } from "../../base/index.ts";
import type { KubeClient, Store } from "../../kube/index.ts";
import type { Classes, LbIdentity } from "../../model/index.ts";
import type { OwnedObject, ProviderAdapter } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { Leftovers } from "../leftovers.ts";
import { type Holders, holdersIn, type Orphan, orphansAmong } from "./orphan.ts";
import { dueOf, type Sightings, seeAgain } from "./sightings.ts";

export interface OrphanPolicy {
  /** Otherwise they are only told of. */
  readonly deletes: boolean;
  readonly graceMs: number;
}

export interface OrphanSweepOptions {
  readonly client: Pick<KubeClient, "listAll">;
  readonly services: Store<Service>;
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderAdapter>;
  readonly classes: () => Classes;
  readonly clusterId: string;
  readonly policy: OrphanPolicy;
  /** Tears down what is doomed. */
  readonly leftovers: Pick<Leftovers, "knows" | "note">;
  readonly pauseOf: (provider: string) => number | undefined;
  /** Called once for each, as soon as it is sure. */
  readonly onFound: (id: LbIdentity, text: string) => void;
  /** Called with the UID of one that went without our doing. */
  readonly onVanished: (uid: string) => void;
  /** From one sweep to the next. */
  readonly periodMs: () => number;
  readonly count: Gauge<"provider">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const none: Sightings = new Map();

/** Looks for orphans now and then, tells of them, and has them torn down where that is allowed. */
export class OrphanSweep {
  readonly #options: OrphanSweepOptions;
  readonly #sightings = new Map<string, Sightings>();

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
  }

  /** What a provider has of ours, and whose it is. */
  see({ name }: ProviderAdapter, owned: readonly OwnedObject[], holders: Holders): void {
    const { leftovers, clock, count } = this.#options;
    const before = this.#sightings.get(name) ?? none;
    const found = orphansAmong(name, owned, holders).filter(({ id, retained }) => !retained && !leftovers.knows(id));
    const now = seeAgain(before, found, clock.monotonic());
    this.#sightings.set(name, now);
    count.set({ provider: name }, now.size);
    for (const sighting of now.values()) if (sighting.times === 2) this.#tell(name, sighting.orphan);
    const there = new Set(owned.map(({ scope }) => (scope.kind === "shared" ? "" : scope.id.uid)));
    for (const uid of before.keys())
      if (!there.has(uid) && !this.knows(uid) && (holders.get(uid) ?? []).length === 0) this.#options.onVanished(uid);
  }

  /** Whether the Service of this UID has left something behind that is to be judged here. */
  knows(uid: string): boolean {
    return [...this.#sightings.values()].some((sightings) => sightings.has(uid));
  }

  /** Nobody can tell what of all that is shared an orphan still needs. */
  hasAny(provider: string): boolean {
    return (this.#sightings.get(provider) ?? none).size > 0;
  }

  /** Whether the provider has any that are to be deleted. */
  dooms(provider: string): boolean {
    return this.#options.policy.deletes && this.hasAny(provider);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { providers, periodMs, clock, logger } = this.#options;
    for (;;) {
      try {
        await sleep(periodMs(), signal, clock);
      } catch {
        return;
      }
      for (const adapter of providers.values()) {
        try {
          await this.#sweep(adapter, signal);
        } catch (error) {
          if (isAbort(error, signal)) return;
          logger.warn("cannot look for orphans", { provider: adapter.name, why: errorMessage(error) });
        }
      }
    }
  }

  async #sweep(adapter: ProviderAdapter, signal: AbortSignal): Promise<void> {
    const { clusterId, services: store, classes, policy, pauseOf, clock } = this.#options;
    if (pauseOf(adapter.name) !== undefined) return;
    const owned = await Array.fromAsync(adapter.listOwned(clusterId, signal));
    this.see(adapter, owned, holdersIn(store.list(), classes()));
    if (!policy.deletes) return;
    const allowance = { nowMs: clock.monotonic(), graceMs: policy.graceMs, ownedCount: owned.length };
    for (const orphan of dueOf(this.#sightings.get(adapter.name) ?? none, allowance))
      if (await this.#isStillOne(adapter, orphan, signal)) this.#giveUp(adapter, orphan);
  }

  /** Asks the API server itself for all Services: what is watched may be old. */
  async #isStillOne({ name }: ProviderAdapter, { id }: Orphan, signal: AbortSignal): Promise<boolean> {
    const { client, classes } = this.#options;
    const { items } = await client.listAll(services, {}, signal);
    return holdersIn(items, classes()).get(id.uid)?.includes(name) !== true;
  }

  #giveUp({ name }: ProviderAdapter, { id }: Orphan): void {
    const left = new Map(this.#sightings.get(name));
    left.delete(id.uid);
    this.#sightings.set(name, left);
    this.#options.count.set({ provider: name }, left.size);
    this.#options.leftovers.note(id);
  }

  #tell(provider: string, { id, references }: Orphan): void {
    const fate = this.#options.policy.deletes
      ? "it is deleted after --orphan-grace-period"
      : "it stays; see `berth controller orphans`, remove it by hand or let --delete-orphans do it";
    this.#options.onFound(
      id,
      `${provider} has a load balancer that no Service wants: ${references.join(", ")}; ${fate}`,
    );
  }
}
