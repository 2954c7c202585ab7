import { objectKey } from "../api/index.ts";
import type { Clock } from "../base/index.ts";
import type { EventText, Regarding } from "./event-recorder.ts";

// The numbers of client-go's EventCorrelator.
const maxKnown = 4096;
const burst = 25;
const refillMs = 300_000;
const maxSimilar = 10;
const similarMs = 600_000;

interface Bucket {
  tokens: number;
  at: number;
}

interface Similar {
  readonly notes: Set<string>;
  since: number;
}

/** Where what was written for one event is remembered, for the next one alike. */
export interface Slot<T> {
  readonly note: string;
  value: T | undefined;
}

/** Decides which events are worth writing, and which are the same again. */
export class EventFilter<T> {
  readonly #clock: Clock;
  readonly #buckets = new Recent<Bucket>(maxKnown);
  readonly #similar = new Recent<Similar>(maxKnown);
  readonly #slots = new Recent<Slot<T>>(maxKnown);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: too many about this object. Many that differ in their note alone share one slot. */
  admit(regarding: Regarding, { type, reason, action, note }: EventText): Slot<T> | undefined {
    const object = `${regarding.kind ?? ""} ${objectKey(regarding.metadata)} ${regarding.metadata.uid ?? ""}`;
    if (!this.#spend(object)) return undefined;
    const group = [object, type, reason, action].join("\n");
    const similar = this.#similar.take(group, () => ({ notes: new Set(), since: this.#clock.monotonic() }));
    if (this.#clock.monotonic() - similar.since > similarMs) {
      similar.notes.clear();
      similar.since = this.#clock.monotonic();
    }
    if (similar.notes.size <= maxSimilar) similar.notes.add(note);
    if (similar.notes.size > maxSimilar)
      return this.#slots.take(group, () => ({ note: `(combined from similar events): ${note}`, value: undefined }));
    return this.#slots.take(`${group}\n${note}`, () => ({ note, value: undefined }));
  }

  #spend(object: string): boolean {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.take(object, () => ({ tokens: burst, at: now }));
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

/** The values that were asked for last. */
class Recent<V> {
  readonly #max: number;
  readonly #values = new Map<string, V>();

  constructor(max: number) {
    this.#max = max;
  }

  take(key: string, make: () => V): V {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#max)
      for (const oldest of this.#values.keys()) {
        this.#values.delete(oldest);
        break;
      }
    return value;
  }
}
