import type { Gauge, Histogram } from "prom-client";
import type { Condition } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import { conditionOf } from "./conditions.ts";
import { reasons } from "./findings.ts";

/** Where a Service of ours is; exactly one at a time. */
export type ServiceState = "refused" | "failed" | "pending" | "unready" | "degraded" | "ready" | "deleting";

export const serviceStates: readonly ServiceState[] = [
  "refused",
  "failed",
  "pending",
  "unready",
  "degraded",
  "ready",
  "deleting",
];

/** What the conditions of a Service that is served come to. */
export function stateOf(conditions: readonly Condition[]): ServiceState {
  if (conditionOf(conditions, "accepted")?.status === "False") return "refused";
  const programmed = conditionOf(conditions, "programmed");
  if (programmed === undefined || programmed.reason === reasons.pending || programmed.reason === reasons.paused)
    return "pending";
  if (programmed.status !== "True") return "failed";
  if (conditionOf(conditions, "ready")?.status !== "True") return "unready";
  return conditionOf(conditions, "degraded")?.status === "True" ? "degraded" : "ready";
}

/** Counts the Services of ours by state, and measures how long new ones take until a target is ready. */
export class ServiceStates {
  readonly #states: Gauge<"state">;
  readonly #timeToReady: Histogram;
  readonly #clock: Clock;
  readonly #known = new Map<string, ServiceState>();
  /** By UID: since when (monotonic) a Service that never was ready is worked on. */
  readonly #begun = new Map<string, number>();

  constructor(states: Gauge<"state">, timeToReady: Histogram, clock: Clock) {
    this.#states = states;
    this.#timeToReady = timeToReady;
    this.#clock = clock;
    for (const state of serviceStates) states.set({ state }, 0);
  }

  /** A Service is seen; `before`: its conditions. */
  begin(uid: string, before: readonly Condition[]): void {
    if (!this.#known.has(uid) && !this.#begun.has(uid) && conditionOf(before, "ready") === undefined)
      this.#begun.set(uid, this.#clock.monotonic());
  }

  note(uid: string, state: ServiceState): void {
    const before = this.#known.get(uid);
    if (before === state) return;
    if (before !== undefined) this.#states.dec({ state: before });
    this.#states.inc({ state });
    this.#known.set(uid, state);
    const begun = this.#begun.get(uid);
    if (begun === undefined || (state !== "ready" && state !== "degraded")) return;
    this.#begun.delete(uid);
    this.#timeToReady.observe((this.#clock.monotonic() - begun) / 1000);
  }

  forget(uid: string): void {
    const before = this.#known.get(uid);
    if (before !== undefined) this.#states.dec({ state: before });
    this.#known.delete(uid);
    this.#begun.delete(uid);
  }
}
