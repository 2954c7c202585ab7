import { objectKey, type Resource, resourcePath } from "../api/index.ts";
import {
  Backoff,
  type BackoffOptions,
  type Clock,
  type Random,
  sleep,
  systemClock,
  systemRandom,
  Turn,
  withTimeout,
} from "../base/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { checkEvent } from "./answers.ts";
import type { KubeClient, KubeObject, Selection } from "./client.ts";
import {
  BadAnswerError,
  BrokenStreamError,
  ConnectionError,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  KubeApiError,
} from "./errors.ts";
import { counter, gauge } from "./instruments.ts";
import type { Query } from "./requests.ts";
import { isAtLeast } from "./resource-version.ts";
import type { Store } from "./store.ts";
import { Trouble } from "./trouble.ts";
import type { WatchEvent } from "./watch-stream.ts";

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: Pick<KubeClient, "list" | "listAll" | "watch">;
  readonly resource: Resource<T>;
  /** The server may not serve the kind (404): then it has no objects, and is asked again now and then. */
  readonly optional?: boolean;
  readonly store: Pick<Store<T>, "replaceInSteps" | "apply" | "advance" | "hasSynced">;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly backoff?: BackoffOptions;
}

/** As client-go's reflector. */
const defaultBackoff: BackoffOptions = { baseMs: 800, capMs: 30_000, jitter: 1 };
/** So long without a failure counts as health. */
const healthyMs = 120_000;
/** A watch that ends sooner and brought nothing is a failure in disguise. */
const shortWatchMs = 1000;
/** Busy, restarting, or refusing who we are rather than what we ask. */
const transientCodes: ReadonlySet<number> = new Set([401, 403, 429, 502, 503, 504]);
/** The server ends a watch by itself; when it has forgotten to, we do. */
const overdueMs = 30_000;
/** How soon an optional kind that appears is found. */
const missingRetryMs = 15_000;

/** Keeps a store equal to what the API server has of one kind, for ever, whatever happens on the way. */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #turn = new Turn();
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #countRestart: (reason: string) => void;
  readonly #noteEvent: () => void;
  /** How far we have come, where a watch goes on; undefined: everything must be read anew. */
  #version: string | undefined;
  /** The last watch did not end as agreed: what answers now may have forgotten versions that we have seen. */
  #isDoubtful = false;
  readonly #trouble: Trouble;
  /** Whether the server can send the initial state as a watch (KEP-3157). */
  #watchList = true;

  constructor(options: ReflectorOptions<T>) {
    const { resource, metrics, logger, clock = systemClock, random = systemRandom } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    const { kind } = resource;
    this.#logger = logger.with({ kind });
    this.#trouble = new Trouble(this.#logger, clock, { begins: "watch failed", ends: "watch works again" });
    const restarts = counter(metrics, "kube_watch_restarts_total", "Watches begun anew, by kind and cause.", [
      "kind",
      "reason",
    ]);
    this.#countRestart = (reason) => restarts.inc({ kind, reason });
    const last = gauge(
      metrics,
      "kube_watch_last_event_timestamp_seconds",
      "When the last event or bookmark of the kind came.",
      ["kind"],
    );
    this.#noteEvent = () => last.set({ kind }, clock.now() / 1000);
  }

  /** What keeps it from following the kind; undefined while it does, or before it has failed. */
  get failure(): unknown {
    return this.#trouble.error;
  }

  /** Resolves once `signal` is aborted; after that nothing is sent, and the store stays as it is. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.#options.backoff ?? defaultBackoff, this.#random);
    let failedAt = this.#clock.monotonic();
    while (!signal.aborted) {
      try {
        this.#countRestart(await this.#cycle(signal));
      } catch (error) {
        if (signal.aborted) return;
        if (this.#options.optional === true && isNotFound(error)) {
          await this.#missing(error, signal);
          continue;
        }
        const reason = this.#learn(error);
        this.#countRestart(reason);
        const now = this.#clock.monotonic();
        if (now - failedAt >= healthyMs) backoff.reset();
        failedAt = now;
        const asked = error instanceof KubeApiError ? (error.retryAfterMs ?? 0) : 0;
        const retryMs = Math.round(Math.max(backoff.next(), asked));
        this.#trouble.tell(error, { reason, retryMs, attempt: backoff.failures, ...this.#remedy(error) });
        // Only an abort ends the sleep early, and the loop sees that.
        await sleep(retryMs, signal, this.#clock).catch(() => {});
      }
    }
  }

  #remedy(error: unknown): { readonly why?: string } {
    if (!isForbidden(error)) return {};
    const { group, plural } = this.#options.resource;
    const kind = group === "" ? plural : `${plural}.${group}`;
    return { why: `allow \`list, watch ${kind}\` to this account, as its role of the chart does` };
  }

  /** What was there before stays: a server that starts may not serve the kind yet. */
  async #missing(answer: KubeApiError, signal: AbortSignal): Promise<void> {
    this.#version = undefined;
    const { store } = this.#options;
    if (!store.hasSynced) for (const _ of store.replaceInSteps([], "0"));
    this.#trouble.tell(answer, { reason: "http-404", retryMs: missingRetryMs });
    await sleep(missingRetryMs, signal, this.#clock).catch(() => {});
  }

  #noteHealth(): void {
    this.#noteEvent();
    this.#trouble.end();
  }

  /** Takes from an error where to go on. Returns its short name. */
  #learn(error: unknown): string {
    // What we have read is as good as before, and the server may be busy enough without reading it all again.
    if (error instanceof ConnectionError) return "connection";
    if (error instanceof BrokenStreamError) return "broken-stream";
    if (error instanceof BadAnswerError) return "bad-answer";
    if (error instanceof KubeApiError && transientCodes.has(error.code)) return `http-${error.code}`;
    this.#version = undefined;
    if (isGone(error)) return "expired";
    return error instanceof KubeApiError ? `http-${error.code}` : "internal";
  }

  /**
   * One watch, after a list when the server cannot send the state as part of the watch. Returns why it ended in order.
   */
  async #cycle(signal: AbortSignal): Promise<string> {
    if (this.#version !== undefined && this.#isDoubtful) await this.#checkVersion(this.#version, signal);
    this.#isDoubtful = true;
    if (this.#version === undefined && !this.#watchList) await this.#list(signal);
    const version = this.#version;
    const timeoutSeconds = Math.round(300 + 300 * this.#random());
    const start = this.#clock.monotonic();
    using limit = withTimeout(signal, timeoutSeconds * 1000 + overdueMs, "watch", this.#clock);
    const query = { allowWatchBookmarks: true, timeoutSeconds, ...this.#selectors };
    try {
      if (version === undefined) await this.#follow({ ...query, ...initialState }, limit.signal, new Map());
      else await this.#follow({ ...query, resourceVersion: version }, limit.signal);
      this.#isDoubtful = this.#clock.monotonic() - start < timeoutSeconds * 1000;
      return "ended";
    } catch (error) {
      if (limit.signal.aborted && !signal.aborted) return "overdue";
      if (version !== undefined || !(isInvalid(error) || isBadRequest(error))) throw error;
      this.#logger.info("server sends no initial state in watches; listing instead", { why: error.message });
      this.#watchList = false;
      return "no-watch-list";
    }
  }

  /** Reads one stream to its end; `initial` collects the state until the server says that it is complete. */
  async #follow(query: Query, signal: AbortSignal, initial?: Map<string, T>): Promise<void> {
    const { client, resource, namespace, store } = this.#options;
    const start = this.#clock.monotonic();
    let events = 0;
    for await (const event of client.watch<T>(resourcePath(resource, { namespace }), query, signal)) {
      // What had come before the abort may still be on its way to us.
      signal.throwIfAborted();
      const resourceVersion = checkEvent(event, resource);
      events += 1;
      this.#noteHealth();
      if (initial === undefined) {
        // Events come twice, or the server was set back: what we hold may be newer, or may never have been.
        if (isAtLeast(resourceVersion, this.#version) === false)
          throw new KubeApiError({ code: 410, message: `the watch went back to version ${resourceVersion}` });
        if (event.type === "BOOKMARK") store.advance(resourceVersion);
        else store.apply(event.type, event.object);
      } else if (collect(initial, event)) {
        await this.#replace([...initial.values()], resourceVersion, signal);
        initial = undefined;
      }
      if (initial === undefined) this.#version = resourceVersion;
      if (this.#turn.step()) await this.#nextTurn(signal);
    }
    if (initial !== undefined) {
      // Broken, or a server that knows nothing of initial states; a list will do for both.
      this.#watchList = false;
      throw new BrokenStreamError("the watch ended before it had sent the initial state");
    }
    if (events === 0 && this.#clock.monotonic() - start < shortWatchMs)
      throw new BrokenStreamError("the watch ended at once and brought nothing");
  }

  /**
   * A server that was restored from a backup, or begun anew, counts on from an older version. It would serve a watch
   * from our newer one without complaint, and send nothing until it has come as far (seen on 1.37.2).
   */
  async #checkVersion(version: string, signal: AbortSignal): Promise<void> {
    const { client, resource, namespace } = this.#options;
    const { resourceVersion } = await client.list(resource, { namespace, ...this.#selectors, limit: 1 }, signal);
    if (isAtLeast(resourceVersion, version) !== false) return;
    this.#logger.warn("server has lost versions; reading all anew", { version, resourceVersion });
    this.#countRestart("lost-versions");
    this.#version = undefined;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace } = this.#options;
    const { items, resourceVersion } = await client.listAll(resource, { namespace, ...this.#selectors }, signal);
    signal.throwIfAborted();
    this.#noteHealth();
    await this.#replace(items, resourceVersion, signal);
    this.#version = resourceVersion;
  }

  async #replace(objects: readonly T[], resourceVersion: string, signal: AbortSignal): Promise<void> {
    for (const _ of this.#options.store.replaceInSteps(objects, resourceVersion))
      if (this.#turn.step()) await this.#nextTurn(signal);
  }

  /** Many events at once, or the many handlers of one, leave time for health answers and a Lease's renewal. */
  async #nextTurn(signal: AbortSignal): Promise<void> {
    await this.#turn.next();
    signal.throwIfAborted();
  }

  get #selectors(): Pick<Selection, "labelSelector" | "fieldSelector"> {
    const { labelSelector, fieldSelector } = this.#options;
    return { labelSelector, fieldSelector };
  }
}

/** Any newer state will do that is not older than "now"; the server marks its end with a bookmark. */
const initialState = { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" };
const initialEndAnnotation = "k8s.io/initial-events-end";

/** Takes one event of the initial state. Returns whether it was the bookmark that ends it. */
function collect<T extends KubeObject>(state: Map<string, T>, event: WatchEvent<T>): boolean {
  if (event.type === "BOOKMARK") return event.object.metadata.annotations?.[initialEndAnnotation] === "true";
  const key = objectKey(event.object.metadata);
  if (event.type === "DELETED") state.delete(key);
  else state.set(key, event.object);
  return false;
}

function isBadRequest(error: unknown): error is KubeApiError {
  return error instanceof KubeApiError && error.code === 400;
}
