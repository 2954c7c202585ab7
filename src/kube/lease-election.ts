import { isDeepStrictEqual } from "node:util";
import { type Lease, leases } from "../api/index.ts";
import {
  type Clock,
  errorMessage,
  isAbort,
  onAbort,
  orAborted,
  type Random,
  sleep,
  systemClock,
  systemRandom,
  withTimeout,
} from "../base/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import type { KubeClient } from "./client.ts";
import { isAlreadyExists, isConflict, isNotFound } from "./errors.ts";
import { gauge } from "./instruments.ts";
import { Reflector } from "./reflector.ts";
import { Store } from "./store.ts";
import { microTime } from "./time.ts";

export interface LeaseTimes {
  /** So long after its last sign of life others take the lease over. */
  readonly durationMs: number;
  /** So long after its last renewal a leader stops. Less than the duration, or two could lead at once. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

const releaseWithinMs = 1000;
export const defaultLeaseTimes: LeaseTimes = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

export interface LeaseElectionOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "mergePatch" | "listAll" | "watch">;
  readonly namespace: string;
  readonly name: string;
  /** Different for each process, also for two on one host. */
  readonly identity: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly times?: LeaseTimes;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The lease went to somebody else, or could not be renewed in time. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

/**
 * Leadership by a Lease object. Other processes' clocks are never trusted: a lease is free when it did not change for
 * its duration on our own monotonic clock. A leader stops before that on its own.
 */
export class LeaseElection {
  readonly #options: LeaseElectionOptions;
  readonly #times: LeaseTimes;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #showLeading: (leading: boolean) => void;
  /** When the lease was last seen to change, on the monotonic clock. */
  #changedAt = 0;
  #onChange: () => void = () => {};
  /** The lease as we wrote it last. */
  #lease: Lease | undefined;
  /** When our last successful renewal was sent; undefined when we do not lead. */
  #renewedAt: number | undefined;

  constructor(options: LeaseElectionOptions) {
    const { name, logger, metrics, times = defaultLeaseTimes, clock = systemClock, random = systemRandom } = options;
    this.#options = options;
    this.#times = times;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger.with({ kind: "Lease", key: `${options.namespace}/${name}` });
    const status = gauge(metrics, "leader_election_master_status", "1 while this process leads.", ["name"]);
    this.#showLeading = (leading) => status.set({ name }, leading ? 1 : 0);
    this.#showLeading(false);
  }

  /** Ask right before each write: none may start later than the renew deadline after the last renewal. */
  mayWrite(): boolean {
    return this.#renewedAt !== undefined && this.#clock.monotonic() < this.#renewedAt + this.#times.renewDeadlineMs;
  }

  /** The same for a client: `client.fenced(() => election.fence())` writes only while this process leads. */
  fence(): string | undefined {
    return this.mayWrite() ? undefined : `lease ${this.#options.name} is not ours any more`;
  }

  /**
   * Waits to be elected, then runs `lead` with a signal that aborts when leadership or `signal` ends. Resolves when
   * `lead` has, with the lease released; rejects with `LeaseLostError` when it was lost.
   */
  async run(lead: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await this.#win(signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      throw error;
    }
    this.#logger.info("leading");
    this.#showLeading(true);
    const leading = new AbortController();
    const renewing = new AbortController();
    using _ = onAbort(signal, () => leading.abort(signal.reason));
    // Renewed until the last work has ended, also after a stop was asked for.
    const renewed = this.#keepRenewing(renewing.signal, (error) => leading.abort(error));
    try {
      await lead(leading.signal);
    } catch (error) {
      if (!isAbort(error, leading.signal)) throw error;
    } finally {
      renewing.abort(new Error("leadership has ended"));
      await renewed;
      this.#showLeading(false);
      if (this.mayWrite()) await this.#release();
      this.#renewedAt = undefined;
    }
    if (leading.signal.reason instanceof LeaseLostError) throw leading.signal.reason;
  }

  /** Watches the lease until it is free, and takes it. */
  async #win(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, logger, metrics } = this.#options;
    const store = new Store<Lease>({ kind: "Lease", logger, metrics });
    const reflector = new Reflector({
      client,
      resource: leases,
      store,
      namespace,
      fieldSelector: `metadata.name=${name}`,
      logger,
      metrics,
      clock: this.#clock,
      random: this.#random,
    });
    const watching = new AbortController();
    using _ = onAbort(signal, () => watching.abort(signal.reason));
    using __ = store.subscribe({
      add: () => this.#noteChange(),
      update: (before, after) => isDeepStrictEqual(before.spec, after.spec) || this.#noteChange(),
      delete: () => this.#noteChange(),
    });
    const reflecting = reflector.run(watching.signal);
    try {
      await orAborted(store.synced, signal);
      for (;;) {
        const [lease] = store.list();
        const freeInMs = this.#freeInMs(lease);
        if (freeInMs > 0) await this.#changeWithin(freeInMs, signal);
        else if (await this.#tryAcquire(lease, signal)) return;
        else if (store.list()[0] === lease)
          await this.#changeWithin(this.#times.retryMs * (1 + this.#random()), signal);
      }
    } finally {
      watching.abort(new Error("the election has ended"));
      await reflecting;
    }
  }

  #noteChange(): void {
    this.#changedAt = this.#clock.monotonic();
    this.#onChange();
  }

  /** How long the lease belongs to somebody else, as far as we can tell. */
  #freeInMs(lease: Lease | undefined): number {
    const { holderIdentity = "", leaseDurationSeconds } = lease?.spec ?? {};
    if (holderIdentity === "" || holderIdentity === this.#options.identity) return 0;
    const durationMs = leaseDurationSeconds === undefined ? this.#times.durationMs : leaseDurationSeconds * 1000;
    return this.#changedAt + durationMs - this.#clock.monotonic();
  }

  /** Resolves when the lease changes, or after so long. */
  async #changeWithin(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onChange = resolve;
    const timer = this.#clock.schedule(resolve, ms);
    try {
      await orAborted(promise, signal);
    } finally {
      timer[Symbol.dispose]();
      this.#onChange = () => {};
    }
  }

  async #tryAcquire(old: Lease | undefined, signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity } = this.#options;
    const sentAt = this.#clock.monotonic();
    const now = microTime(this.#clock.now());
    const { holderIdentity, leaseTransitions = 0 } = old?.spec ?? {};
    const spec: Lease["spec"] = {
      holderIdentity: identity,
      leaseDurationSeconds: this.#times.durationMs / 1000,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: old === undefined || holderIdentity === identity ? leaseTransitions : leaseTransitions + 1,
    };
    try {
      using limit = this.#limit(signal);
      this.#lease =
        old === undefined
          ? await client.create(leases, { metadata: { namespace, name }, spec }, limit.signal)
          : await client.mergePatch(leases, old, { spec }, limit.signal);
      this.#renewedAt = sentAt;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // Somebody was faster; the watch will tell who.
      if (!isConflict(error) && !isAlreadyExists(error) && !isNotFound(error))
        this.#logger.warn("lease not acquired", { err: error });
      return false;
    }
  }

  /** Renews until aborted; calls `lost` when that failed for too long or somebody else holds the lease. */
  async #keepRenewing(signal: AbortSignal, lost: (error: LeaseLostError) => void): Promise<void> {
    const { renewDeadlineMs, retryMs } = this.#times;
    const over = new AbortController();
    using _ = onAbort(signal, () => over.abort(signal.reason));
    const lose = (why: string): void => {
      const error = new LeaseLostError(`lease ${this.#options.name}: ${why}`);
      this.#renewedAt = undefined;
      over.abort(error);
      lost(error);
    };
    while (!over.signal.aborted) {
      const left = (this.#renewedAt ?? 0) + renewDeadlineMs - this.#clock.monotonic();
      const deadline = this.#clock.schedule(() => lose(`not renewed within ${renewDeadlineMs} ms`), left);
      try {
        await sleep(retryMs, over.signal, this.#clock);
        const holder = await this.#renew(over.signal);
        if (holder !== this.#options.identity) lose(`taken by ${holder}`);
      } catch (err) {
        if (!over.signal.aborted) this.#logger.warn("lease not renewed", { err });
      } finally {
        deadline[Symbol.dispose]();
      }
    }
  }

  /** Renews the lease once. Returns who holds it. */
  async #renew(signal: AbortSignal): Promise<string> {
    const { client, namespace, name, identity } = this.#options;
    const lease = this.#lease;
    if (lease === undefined) throw new Error("no lease to renew");
    const sentAt = this.#clock.monotonic();
    using limit = this.#limit(signal);
    const renewTime = microTime(this.#clock.now());
    try {
      this.#lease = await client.mergePatch(leases, lease, { spec: { renewTime } }, limit.signal);
    } catch (error) {
      if (isNotFound(error)) {
        const spec = { ...lease.spec, renewTime };
        this.#lease = await client.create(leases, { metadata: { namespace, name }, spec }, limit.signal);
      } else if (isConflict(error)) {
        // Ours still when the answer to our last renewal was lost, or when somebody touched only its metadata.
        this.#lease = await client.get(leases, { namespace, name }, limit.signal);
        const holder = this.#lease.spec?.holderIdentity ?? "";
        return holder === identity ? await this.#renew(signal) : holder;
      } else throw error;
    }
    this.#renewedAt = sentAt;
    return identity;
  }

  /** Hands the lease back, so that nobody has to wait for it to expire. */
  async #release(): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(this.#clock.now()) };
    try {
      // Standbys take over by the time of the Lease anyway: nobody waits long for a server that does not answer.
      using limit = withTimeout(new AbortController().signal, releaseWithinMs, "lease release", this.#clock);
      // Read anew, as a last renewal may have arrived without an answer.
      const lease = await client.get(leases, { namespace, name }, limit.signal);
      if (lease.spec?.holderIdentity !== identity) return;
      await client.mergePatch(leases, lease, { spec }, limit.signal);
      this.#logger.info("lease released");
    } catch (error) {
      this.#logger.warn("lease not released", { why: errorMessage(error) });
    }
  }

  /** No single request may use up the whole time that there is to renew. */
  #limit(signal: AbortSignal): Disposable & { signal: AbortSignal } {
    return withTimeout(signal, this.#times.renewDeadlineMs / 2, "lease request", this.#clock);
  }
}
