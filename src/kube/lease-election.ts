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
import { Holders, type LeadersWork } from "./holders.ts";
import { counter, gauge } from "./instruments.ts";
import { Reflector } from "./reflector.ts";
import { Store } from "./store.ts";
import { microTime } from "./time.ts";
import { Trouble } from "./trouble.ts";

export interface LeaseTimes {
  /** So long after its last sign of life others take the lease over. */
  readonly durationMs: number;
  /** So long after its last renewal a leader stops. Less than the duration, or two could lead at once. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

const releaseWithinMs = 1000;
const releaseTries = 5;
/** What a holder that leaves in order writes, as client-go does: nobody holds the lease, and it is short. */
const released = { holderIdentity: "", leaseDurationSeconds: 1 } as const;
export const defaultLeaseTimes: LeaseTimes = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

export interface LeaseElectionOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "mergePatch" | "list" | "listAll" | "watch">;
  readonly namespace: string;
  readonly name: string;
  /** Different for each process, also for two on one host. */
  readonly identity: string;
  readonly work?: LeadersWork;
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
 * its duration on our own monotonic clock. A leader stops before that on its own. What an administrator does to the
 * lease counts as a change, as its holder learns of it only when it renews.
 */
export class LeaseElection {
  readonly #options: LeaseElectionOptions;
  readonly #times: LeaseTimes;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #showLeading: (leading: boolean) => void;
  readonly #countSlow: () => void;
  /** When the lease was last seen to change, on the monotonic clock; undefined when there has never been one. */
  #changedAt: number | undefined;
  #onChange: () => void = () => {};
  /** Of the lease, while it is not ours. */
  #watch: Reflector<Lease> | undefined;
  readonly #trouble: Trouble;
  readonly #holders: Holders;
  /** The lease as we wrote it last. */
  #lease: Lease | undefined;
  /** The acquire times under which we asked for the lease; it may be ours by one though nobody told us. */
  readonly #claims = new Set<string>();
  /** When our last successful renewal was sent; undefined when we do not lead. */
  #renewedAt: number | undefined;

  constructor(options: LeaseElectionOptions) {
    const { name, logger, metrics, times = defaultLeaseTimes, clock = systemClock, random = systemRandom } = options;
    this.#options = options;
    this.#times = times;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger.with({ kind: "Lease", key: `${options.namespace}/${name}` });
    this.#holders = new Holders(options.work);
    this.#trouble = new Trouble(this.#logger, clock, {
      begins: "lease not acquired",
      ends: "lease works again",
    });
    const status = gauge(metrics, "leader_election_master_status", "1 while this process leads.", ["name"]);
    this.#showLeading = (leading) => status.set({ name }, leading ? 1 : 0);
    this.#showLeading(false);
    const slow = counter(metrics, "leader_election_slowpath_total", "Renewals that had to read the Lease first.", [
      "name",
    ]);
    slow.inc({ name }, 0);
    this.#countSlow = () => slow.inc({ name });
  }

  /** Ask right before each write: none may start later than the renew deadline after the last renewal. */
  mayWrite(): boolean {
    return this.#renewedAt !== undefined && this.#clock.monotonic() < this.#renewedAt + this.#times.renewDeadlineMs;
  }

  /** The same for a client: `client.fenced(() => election.fence())` writes only while this process leads. */
  fence(): string | undefined {
    return this.mayWrite() ? undefined : `lease ${this.#options.name} is not ours any more`;
  }

  /** Why it could not even stand by as it should: what the API server said last; undefined when all is well. */
  get failure(): unknown {
    return this.#trouble.error ?? this.#watch?.failure;
  }

  /**
   * Waits to be elected, then runs `lead` with a signal that aborts when leadership or `signal` ends. Resolves when
   * `lead` has, with the lease released; rejects with `LeaseLostError` when it was lost.
   */
  async run(lead: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await this.#win(signal);
    } catch (error) {
      if (this.#claims.size > 0) await this.#release();
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
      const ours = this.mayWrite();
      // Others may lead from the moment that the lease is released, which is before we are told.
      this.#renewedAt = undefined;
      if (ours) await this.#release();
    }
    if (leading.signal.reason instanceof LeaseLostError) throw leading.signal.reason;
  }

  /** Watches the lease until it is free, and takes it. */
  async #win(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, logger, metrics } = this.#options;
    this.#changedAt = undefined;
    this.#claims.clear();
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
    this.#watch = reflector;
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
        if (freeInMs > 0) {
          // Somebody may take it; whether we may shows when it is free.
          this.#trouble.end();
          this.#holders.see(lease);
        }
        if (freeInMs > 0) await this.#changeWithin(freeInMs, signal);
        else if (await this.#tryAcquire(lease, signal)) return;
        else if (store.list()[0] === lease) {
          await this.#changeWithin(this.#times.retryMs * (1 + this.#random()), signal);
          // Its watch may wait out a back-off though the server is back for long.
          if (store.list()[0] === lease) await this.#catchUp(store, signal);
        }
      }
    } finally {
      watching.abort(new Error("the election has ended"));
      this.#watch = undefined;
      await reflecting;
    }
  }

  #noteChange(): void {
    this.#changedAt = this.#clock.monotonic();
    this.#onChange();
  }

  /** How long somebody may still act as its holder, as far as we can tell. */
  #freeInMs(lease: Lease | undefined): number {
    if (this.#changedAt === undefined) return 0;
    const { holderIdentity, leaseDurationSeconds = 0 } = lease?.spec ?? {};
    const { durationMs } = this.#times;
    if (holderIdentity === released.holderIdentity && leaseDurationSeconds <= released.leaseDurationSeconds) return 0;
    if (lease !== undefined && this.#isOurs(lease)) return 0;
    return this.#changedAt + Math.max(durationMs, leaseDurationSeconds * 1000) - this.#clock.monotonic();
  }

  /** Whether we wrote it so: our name alone may come from an administrator. */
  #isOurs({ spec }: Lease): boolean {
    return spec?.holderIdentity === this.#options.identity && this.#claims.has(spec.acquireTime ?? "");
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

  /** Lays over what the watch has told what the server says now. */
  async #catchUp(store: Store<Lease>, signal: AbortSignal): Promise<void> {
    try {
      using limit = this.#limit(signal);
      store.overlay(await this.#read(limit.signal));
    } catch (error) {
      signal.throwIfAborted();
      this.#logger.debug("lease not read", { why: errorMessage(error) });
    }
  }

  async #read(signal: AbortSignal): Promise<Lease> {
    const { client, namespace, name } = this.#options;
    return await client.get(leases, { namespace, name }, signal);
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
    const { said } = this.#holders;
    this.#claims.add(now);
    try {
      using limit = this.#limit(signal);
      this.#lease =
        old === undefined
          ? await client.create(leases, { metadata: { namespace, name, ...said }, spec }, limit.signal)
          : await client.mergePatch(leases, old, { metadata: said, spec }, limit.signal);
      this.#renewedAt = sentAt;
      this.#trouble.end();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // Somebody was faster; the watch will tell who. Where there was no lease, what is not found is its namespace.
      const isBeaten = isConflict(error) || isAlreadyExists(error) || (isNotFound(error) && old !== undefined);
      if (isBeaten) this.#trouble.end();
      else this.#trouble.tell(error);
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
    const late = `not renewed within ${renewDeadlineMs} ms`;
    while (!over.signal.aborted) {
      const left = (this.#renewedAt ?? 0) + renewDeadlineMs - this.#clock.monotonic();
      const deadline = this.#clock.schedule(() => lose(late), left);
      try {
        await sleep(retryMs, over.signal, this.#clock);
        // A process that stood still may find the deadline passed before its timer has fired.
        if (!this.mayWrite()) lose(late);
        else {
          const holder = await this.#renew(over.signal);
          if (holder !== this.#options.identity) lose(holder === "" ? "taken away" : `taken by ${holder}`);
        }
      } catch (err) {
        if (!over.signal.aborted) this.#logger.warn("lease not renewed", { err });
      } finally {
        deadline[Symbol.dispose]();
      }
    }
  }

  /** Renews the lease once. Returns who holds it. `again`: once more if somebody wrote it meanwhile. */
  async #renew(signal: AbortSignal, again = true): Promise<string> {
    const sentAt = this.#clock.monotonic();
    using limit = this.#limit(signal);
    try {
      this.#lease = await this.#writeRenewal(limit.signal);
    } catch (error) {
      if (!again || (!isConflict(error) && !isAlreadyExists(error))) throw error;
      this.#countSlow();
      // Ours still when the answer to our last renewal was lost, or when somebody touched something else in it.
      this.#lease = await this.#read(limit.signal);
      const { holderIdentity = "" } = this.#lease.spec ?? {};
      return holderIdentity === this.#options.identity ? await this.#renew(signal, false) : holderIdentity;
    }
    signal.throwIfAborted();
    this.#renewedAt = sentAt;
    return this.#options.identity;
  }

  /** Also puts right a duration that somebody has changed, and makes the lease anew when somebody deleted it. */
  async #writeRenewal(signal: AbortSignal): Promise<Lease> {
    const { client, namespace, name } = this.#options;
    const lease = this.#lease;
    if (lease === undefined) throw new Error("no lease to renew");
    const spec = {
      leaseDurationSeconds: this.#times.durationMs / 1000,
      renewTime: microTime(this.#clock.now()),
    };
    try {
      return await client.mergePatch(leases, lease, { spec }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const { annotations = {} } = lease.metadata;
      const metadata = { namespace, name, annotations };
      return await client.create(leases, { metadata, spec: { ...lease.spec, ...spec } }, signal);
    }
  }

  /** Hands the lease back, so that nobody has to wait for it to expire. */
  async #release(): Promise<void> {
    // Standbys take over by the time of the Lease anyway: nobody waits long for a server that does not answer.
    using limit = withTimeout(new AbortController().signal, releaseWithinMs, "lease release", this.#clock);
    try {
      for (let tries = 0; tries < releaseTries; tries++) if (await this.#tryRelease(limit.signal)) return;
      this.#logger.warn("lease not released", { why: "somebody writes it again and again" });
    } catch (error) {
      this.#logger.warn("lease not released", { why: errorMessage(error) });
    }
  }

  /** Returns false when somebody wrote the lease meanwhile. */
  async #tryRelease(signal: AbortSignal): Promise<boolean> {
    // Read anew, as a last renewal may have arrived without an answer, or may arrive just now.
    const lease = await this.#read(signal);
    if (!this.#isOurs(lease)) return true;
    const spec = { ...released, renewTime: microTime(this.#clock.now()) };
    try {
      await this.#options.client.mergePatch(leases, lease, { spec }, signal);
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
    this.#logger.info("lease released");
    return true;
  }

  /** No single request may use up the whole time that there is to renew. */
  #limit(signal: AbortSignal): Disposable & { signal: AbortSignal } {
    return withTimeout(signal, this.#times.renewDeadlineMs / 2, "lease request", this.#clock);
  }
}
