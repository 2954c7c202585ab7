import type { Orphan } from "./orphan.ts";

/** What this leader has seen of an orphan. */
export interface Sighting {
  readonly orphan: Orphan;
  /** Monotonic: nobody else's clock, nor anything that was written before, says how old an orphan is. */
  readonly firstSeenMs: number;
  readonly times: number;
}

/** By the UID of the Service. */
export type Sightings = ReadonlyMap<string, Sighting>;

/** One more look. What is not seen this time is forgotten: should it come back, it is new. */
export function seeAgain(before: Sightings, orphans: readonly Orphan[], nowMs: number): Sightings {
  const seen = orphans.map((orphan): readonly [string, Sighting] => {
    const { firstSeenMs = nowMs, times = 0 } = before.get(orphan.id.uid) ?? {};
    return [orphan.id.uid, { orphan, firstSeenMs, times: times + 1 }];
  });
  return new Map(seen);
}

/** One look may have come in the middle of a Service's end. */
function isConfirmed({ times }: Sighting): boolean {
  return times >= 2;
}

export interface Allowance {
  readonly nowMs: number;
  /** From the first sighting. */
  readonly graceMs: number;
  /** All that the provider has of ours. */
  readonly ownedCount: number;
}

/** What may be deleted now: only a few, as many at once may mean that the cluster was restored from an old backup. */
export function dueOf(sightings: Sightings, { nowMs, graceMs, ownedCount }: Allowance): readonly Orphan[] {
  return [...sightings.values()]
    .filter((sighting) => isConfirmed(sighting) && nowMs - sighting.firstSeenMs >= graceMs)
    .slice(0, Math.max(5, Math.floor(ownedCount / 10)))
    .map(({ orphan }) => orphan);
}
