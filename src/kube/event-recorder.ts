import { createHash } from "node:crypto";
import { type Event, events, type ObjectMeta } from "../api/index.ts";
import {
  type Clock,
  cutText,
  errorMessage,
  orAborted,
  type Random,
  sleep,
  systemClock,
  systemRandom,
  withTimeout,
} from "../base/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import type { KubeClient } from "./client.ts";
import { isAlreadyExists, isForbidden, isNamespaceEnding, isNotFound, KubeApiError } from "./errors.ts";
import { EventFilter, type Slot } from "./event-filter.ts";
import { FencedError } from "./fence.ts";
import { counter } from "./instruments.ts";
import { microTime } from "./time.ts";
import { Trouble } from "./trouble.ts";

/** What an event is about. */
export interface Regarding {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** CamelCase, for machines: `SyncLoadBalancerFailed`. */
  readonly reason: string;
  /** CamelCase: what was tried. */
  readonly action: string;
  readonly note: string;
  /**
   * Processes that tell the same of one object with the same of this have one event together, written by the first of
   * them: thousands may see the same at once. Undefined: the event is this process's own.
   */
  readonly shared?: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, "create" | "patch">;
  /** As `berth.dev/controller`. */
  readonly controller: string;
  /** Which process of it: pod or host name. */
  readonly instance: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly random?: Random;
}

const maxPending = 1000;
const maxTries = 3;
const retryMs = 1000;
const requestTimeoutMs = 10_000;
const flushMs = 1000;
const maxNoteLength = 1024;
/** As client-go refreshes the series of an event; the API server keeps it for an hour. */
const sharedMs = 1_800_000;

/** An event that was written: the next one alike only raises its count. */
interface Written {
  readonly namespace: string;
  readonly name: string;
  count: number;
  /** Of the last write, on the monotonic clock. */
  writtenAt: number;
}

/** An event on its way. */
interface Sighting {
  readonly regarding: Regarding;
  readonly text: EventText;
  readonly slot: Slot<Written>;
  readonly at: number;
  /** Of the event, should it become one of its own: the same in each try, so that none is written twice. */
  readonly suffix: string;
}

/**
 * Writes events for people to read. Never fails and never waits for the caller: events are a courtesy, dropped when
 * there are too many or the server does not take them. Disposal waits a moment for what is on its way, as `flush` does.
 */
export class EventRecorder implements AsyncDisposable {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #filter: EventFilter<Written>;
  readonly #stop = new AbortController();
  readonly #count: (result: "created" | "updated" | "shared" | "dropped" | "failed") => void;
  readonly #trouble: Trouble;
  readonly #pending: Sighting[] = [];
  #draining: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    const { clock = systemClock, random = systemRandom, metrics } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#filter = new EventFilter(clock);
    this.#trouble = new Trouble(options.logger, clock, {
      begins: "events are not written",
      ends: "events are written again",
    });
    const written = counter(metrics, "kube_events_total", "Events by what became of them.", ["result"]);
    this.#count = (result) => written.inc({ result });
  }

  event(regarding: Regarding, text: EventText): void {
    if (this.#stop.signal.aborted) return;
    const slot = this.#pending.length < maxPending ? this.#filter.admit(regarding, text) : undefined;
    if (slot === undefined) {
      this.#count("dropped");
      return;
    }
    const suffix = Math.floor(this.#random() * 2 ** 48).toString(16);
    this.#pending.push({ regarding, text, slot, at: this.#clock.now(), suffix: suffix.padStart(12, "0") });
    this.#draining ??= this.#drain();
  }

  /** One after the other: the second of two alike must know of the first. */
  async #drain(): Promise<void> {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) await this.#deliver(next);
    this.#draining = undefined;
  }

  async #deliver(sighting: Sighting): Promise<void> {
    for (let attempt = 1; !this.#stop.signal.aborted; attempt++) {
      try {
        using limit = withTimeout(this.#stop.signal, requestTimeoutMs, "write an event", this.#clock);
        if (await this.#write(sighting, limit.signal)) this.#trouble.end();
        return;
      } catch (error) {
        // An answer is final: the event is wrong, its namespace is gone, or we may not write any (any more).
        if (error instanceof KubeApiError || error instanceof FencedError || attempt >= maxTries) {
          this.#count("failed");
          this.#tell(error);
          return;
        }
        await sleep(retryMs * attempt, this.#stop.signal, this.#clock).catch(() => {});
      }
    }
    this.#count("dropped");
  }

  #tell(error: unknown): void {
    // Nobody can do anything about these.
    if (error instanceof FencedError || isNamespaceEnding(error)) {
      this.#options.logger.debug("event not written", { why: errorMessage(error) });
      return;
    }
    const remedy = isForbidden(error) ? { what: "allow `create, patch events.events.k8s.io`" } : {};
    this.#trouble.tell(error, remedy, error instanceof KubeApiError ? `${error.code}` : undefined);
  }

  /** False when there was nothing to write. */
  async #write(sighting: Sighting, signal: AbortSignal): Promise<boolean> {
    const { slot, at, text } = sighting;
    const known = slot.value;
    if (known !== undefined && text.shared !== undefined && this.#clock.monotonic() - known.writtenAt < sharedMs) {
      known.count += 1;
      this.#count("shared");
      return false;
    }
    if (known !== undefined && (await this.#repeat(known, at, signal))) return true;
    slot.value = await this.#create(sighting, signal);
    return true;
  }

  async #create({ regarding, text, slot, at, suffix }: Sighting, signal: AbortSignal): Promise<Written> {
    const { apiVersion, kind, metadata } = regarding;
    // Events of cluster-wide objects live in this namespace.
    const { namespace = "default", name = "", uid, resourceVersion } = metadata;
    const ending = text.shared === undefined ? suffix : sharedSuffix(regarding, text, text.shared);
    const event: Event = {
      metadata: { namespace, name: `${name.slice(0, 230)}.${ending}` },
      eventTime: microTime(at),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      regarding: reference({ apiVersion, kind, namespace: metadata.namespace, name, uid, resourceVersion }),
      type: text.type,
      reason: text.reason,
      action: text.action,
      note: cutText(slot.note, maxNoteLength),
    };
    const written = { namespace, name: event.metadata.name ?? "", count: 1, writtenAt: this.#clock.monotonic() };
    try {
      await this.#options.client.create(events, event, signal);
      this.#count("created");
    } catch (error) {
      // Written by another, or by an earlier try whose answer was lost.
      if (!isAlreadyExists(error)) throw error;
      this.#count(text.shared === undefined ? "created" : "shared");
    }
    return written;
  }

  /** Counts the event once more; false when the API server has dropped it, as it does after an hour. */
  async #repeat(known: Written, at: number, signal: AbortSignal): Promise<boolean> {
    const { namespace, name } = known;
    const series = { count: known.count + 1, lastObservedTime: microTime(at) };
    try {
      await this.#options.client.patch(events, { namespace, name }, { type: "merge", body: { series } }, signal);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
    known.count += 1;
    known.writtenAt = this.#clock.monotonic();
    this.#count("updated");
    return true;
  }

  /** Resolves when what is on its way has arrived, or a moment later: what is left then is given up. */
  async flush(): Promise<void> {
    using limit = withTimeout(this.#stop.signal, flushMs, "flush events", this.#clock);
    // At its end nobody waits any more.
    await orAborted(this.#draining ?? Promise.resolve(), limit.signal).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    this.#stop.abort(new Error("the recorder is closed"));
    await this.#draining;
  }
}

/** The same in all processes, of an event that they share. */
function sharedSuffix({ kind = "", metadata }: Regarding, { type, reason, action }: EventText, shared: string): string {
  const same = [kind, metadata.namespace ?? "", metadata.name ?? "", metadata.uid ?? "", type, reason, action, shared];
  return createHash("sha256").update(same.join("\n")).digest("hex").slice(0, 12);
}

type Reference = NonNullable<Event["regarding"]>;

function reference(fields: { readonly [K in keyof Reference]: Reference[K] | undefined }): Reference {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Reference;
}
