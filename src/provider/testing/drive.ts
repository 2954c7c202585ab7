import { setTimeout } from "node:timers/promises";
import {
  type Desired,
  executePlan,
  isConverged,
  type PlanStep,
  type ProviderAdapter,
  type ScopeKey,
} from "../index.ts";

type ServiceDesired = Extract<Desired, { kind: "service" }>;

/** Where a drive is cut off: at the step of this number, counted from 0. */
export interface Cut {
  readonly at: number;
  readonly how: "before the commit" | "with the answer lost" | "with the end of the process";
}

/** Plans that are not done after so many rounds never will be. */
const maxRounds = 300;
const { signal } = new AbortController();

/** One Service's wish, said to a scope; null where it has to go. */
export function desiredOf(key: ScopeKey, wish: ServiceDesired | null): Desired | null {
  if (wish === null) return null;
  const { lb, nodes } = wish;
  return key.kind === "shared" ? { kind: "shared", users: [lb], nodes } : { kind: key.kind, lb, nodes };
}

/** Brings some scopes of an adapter to where a wish wants them, as the engine does, and can break off anywhere. */
export class Drive {
  readonly #adapter: ProviderAdapter;
  readonly #wish: ServiceDesired | null;
  readonly #scopes: readonly ScopeKey[];
  #steps: readonly PlanStep[] = [];

  constructor(adapter: ProviderAdapter, wish: ServiceDesired | null, scopes: readonly ScopeKey[]) {
    this.#adapter = adapter;
    this.#wish = wish;
    this.#scopes = scopes;
  }

  /** Until nothing is left to do, or until the cut; returns whether it was cut off. Throws what a step throws. */
  async run(cut?: Cut): Promise<boolean> {
    let count = 0;
    let wasCut = false;
    const apply: ProviderAdapter["apply"] = async (...args) => {
      if (cut === undefined || count++ !== cut.at) return await this.#adapter.apply(...args);
      wasCut = true;
      if (cut.how === "with the answer lost") await this.#adapter.apply(...args);
      throw new CutError("cut off");
    };
    for (let round = 0; round < maxRounds; round++) {
      let [converged, worked] = [true, false];
      let pollMs = Number.POSITIVE_INFINITY;
      for (const key of this.#scopes) {
        const found = await this.#round(key, apply);
        if (wasCut) return true;
        converged &&= found.converged;
        worked ||= found.worked;
        pollMs = Math.min(pollMs, found.pollMs);
      }
      if (converged) return false;
      // What one scope did may be what another one waits for.
      if (!worked) await setTimeout(pollMs);
    }
    throw new Error(`${this.#adapter.name} is not done after ${maxRounds} rounds`);
  }

  /** Applies all steps of the last plan once more, whatever comes of it. */
  async applyAgain(): Promise<void> {
    for (const step of this.#steps) await this.#adapter.apply(step, new Map(), signal).catch(() => {});
  }

  async #round(
    key: ScopeKey,
    apply: ProviderAdapter["apply"],
  ): Promise<{ readonly converged: boolean; readonly worked: boolean; readonly pollMs: number }> {
    const observed = await this.#adapter.observe(key, "live", signal);
    const plan = this.#adapter.plan(key, desiredOf(key, this.#wish), observed, { now: 0, since: () => 0 });
    this.#steps = plan.steps;
    const outcomes = await executePlan(plan, {
      mayWrite: () => undefined,
      apply: (step, outputs) => apply(step, outputs, signal),
    });
    for (const outcome of outcomes)
      if (outcome.state === "failed" && !(outcome.error instanceof CutError)) throw outcome.error;
    const pending = outcomes.filter((outcome) => outcome.state === "pending");
    return {
      converged: isConverged(plan),
      worked: outcomes.some(({ state }) => state === "done"),
      pollMs: Math.min(...[...plan.waits, ...pending].map(({ pollAfterMs }) => pollAfterMs)),
    };
  }
}

/** Stands for what took the connection, or the process. */
class CutError extends Error {}
