import type { Clock } from "../base/index.ts";
import type { Family } from "../net/index.ts";

interface FamilyState {
  updatedAt: number | undefined;
  /** Since when something waits, on the monotonic clock. */
  pendingSince: number | undefined;
  /** The same for what came after the sync that is under way had begun. */
  nextSince: number | undefined;
}

export interface FamilyHealth {
  /** Milliseconds since the epoch; undefined before the first sync. */
  readonly updatedAt: number | undefined;
  /** How long the oldest change has been waiting, in milliseconds; undefined when none does. */
  readonly pendingMs: number | undefined;
  readonly healthy: boolean;
}

/**
 * Whether the kernel follows the cluster: nothing may wait for too long. Each family counts for itself; the process
 * is well when both are.
 */
export class SyncHealth {
  readonly #clock: Clock;
  readonly #maxPendingMs: number;
  readonly #families: ReadonlyMap<Family, FamilyState>;

  /** `maxPendingMs`: kube-proxy's limit is twice its sync period. */
  constructor(families: readonly Family[], clock: Clock, maxPendingMs = 60_000) {
    this.#clock = clock;
    this.#maxPendingMs = maxPendingMs;
    this.#families = new Map(
      families.map((family) => [family, { updatedAt: undefined, pendingSince: undefined, nextSince: undefined }]),
    );
  }

  /** Something changed that is not in the kernel yet. */
  queued(): void {
    const now = this.#clock.monotonic();
    for (const state of this.#families.values()) {
      state.pendingSince ??= now;
      state.nextSince ??= now;
    }
  }

  /** A sync begins that covers all that was queued so far. */
  begin(): void {
    for (const state of this.#families.values()) state.nextSince = undefined;
  }

  /** That sync has written the rules of a family. */
  updated(family: Family): void {
    const state = this.#families.get(family);
    if (state === undefined) return;
    state.updatedAt = this.#clock.now();
    state.pendingSince = state.nextSince;
  }

  /** Nothing waits for too long: what a liveness probe asks. */
  get alive(): boolean {
    return [...this.#families.values()].every((state) => this.#inTime(state));
  }

  /** What the health check of a load balancer asks, the node's eligibility apart: every family has been written too. */
  get ready(): boolean {
    return [...this.families().values()].every(({ healthy }) => healthy);
  }

  families(): ReadonlyMap<Family, FamilyHealth> {
    return new Map(
      [...this.#families].map(([family, state]) => [
        family,
        {
          updatedAt: state.updatedAt,
          pendingMs: state.pendingSince === undefined ? undefined : this.#clock.monotonic() - state.pendingSince,
          healthy: state.updatedAt !== undefined && this.#inTime(state),
        },
      ]),
    );
  }

  #inTime({ pendingSince }: FamilyState): boolean {
    return pendingSince === undefined || this.#clock.monotonic() - pendingSince < this.#maxPendingMs;
  }
}
