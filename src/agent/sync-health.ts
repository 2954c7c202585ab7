import type { Clock } from "../base/index.ts";
import type { Family } from "../net/index.ts";

interface FamilyState {
  updatedAt: number | undefined;
  pendingSince: number | undefined;
}

export interface FamilyHealth {
  readonly lastUpdated: string | null;
  readonly healthy: boolean;
}

/** Whether the kernel follows the cluster: nothing may wait for too long, in either family. */
export class SyncHealth {
  readonly #clock: Clock;
  readonly #maxPendingMs: number;
  readonly #families: ReadonlyMap<Family, FamilyState>;
  /** Whether load balancers may send to this node: it exists, stays, and is not being scaled away (KEP-3836). */
  nodeEligible = false;

  /** `maxPendingMs`: how long a change may wait; kube-proxy's limit is twice its sync period. */
  constructor(families: readonly Family[], clock: Clock, maxPendingMs = 60_000) {
    this.#clock = clock;
    this.#maxPendingMs = maxPendingMs;
    this.#families = new Map(families.map((family) => [family, { updatedAt: undefined, pendingSince: undefined }]));
  }

  /** Something changed that is not in the kernel yet. */
  queued(): void {
    for (const state of this.#families.values()) state.pendingSince ??= this.#clock.monotonic();
  }

  updated(family: Family): void {
    const state = this.#families.get(family);
    if (state === undefined) return;
    state.updatedAt = this.#clock.now();
    state.pendingSince = undefined;
  }

  /** Rules of every family have been in the kernel at least once. */
  get started(): boolean {
    return [...this.#families.values()].every(({ updatedAt }) => updatedAt !== undefined);
  }

  /** Nothing waits for too long: what a liveness probe asks. */
  get alive(): boolean {
    return [...this.#families.values()].every((state) => this.#inTime(state));
  }

  /** What the health check of a load balancer asks, the node's eligibility apart. */
  get ready(): boolean {
    return this.started && this.alive;
  }

  families(): Record<string, FamilyHealth> {
    return Object.fromEntries(
      [...this.#families].map(([family, state]) => [
        family,
        {
          lastUpdated: state.updatedAt === undefined ? null : new Date(state.updatedAt).toISOString(),
          healthy: state.updatedAt !== undefined && this.#inTime(state),
        },
      ]),
    );
  }

  #inTime({ pendingSince }: FamilyState): boolean {
    return pendingSince === undefined || this.#clock.monotonic() - pendingSince < this.#maxPendingMs;
  }
}
