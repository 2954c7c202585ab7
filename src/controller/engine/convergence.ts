import {
  type Desired,
  decide,
  executePlan,
  isConverged,
  type Plan,
  type PlanTime,
  type ProviderAdapter,
  type ScopeKey,
  type StepOutcome,
} from "../../provider/index.ts";
import { isRecalling } from "../health.ts";

/** A plan may open the way for the next one; a sane adapter needs two or three. */
const maxRounds = 10;

export interface ConvergeOptions {
  readonly time: PlanTime;
  readonly allowReplace: boolean;
  /** Asked before each step. */
  readonly mayWrite: () => string | undefined;
  /** Called with the first plan that will change something, before it does. */
  readonly onStart: (plan: Plan) => void;
  /** What was read of many at once: it may only prove that nothing is to do. */
  readonly snapshot?: { readonly value: unknown } | undefined;
  readonly signal: AbortSignal;
}

/** How far a scope came. */
export interface Convergence<Obs> {
  /** Seen after the last step. */
  readonly observed: Obs;
  /** What is left to do. */
  readonly plan: Plan;
  /** Of all rounds. */
  readonly outcomes: readonly StepOutcome[];
  /** The rest is not done because it would replace the address. */
  readonly replacement: boolean;
}

/**
 * Observes, plans and applies until nothing is left to do, or until a step fails, is pending or may not be done. What
 * is written follows from a live look.
 */
export async function converge(
  adapter: ProviderAdapter,
  key: ScopeKey,
  desired: Desired | null,
  { time, allowReplace, mayWrite, onStart, snapshot, signal }: ConvergeOptions,
): Promise<Convergence<unknown>> {
  const outcomes: StepOutcome[] = [];
  const known = snapshot?.value ?? (isRecalling(adapter) ? await adapter.recall(key, signal) : undefined);
  if (known !== undefined) {
    const observed = await adapter.observe(key, known, signal);
    const plan = adapter.plan(key, desired, observed, time);
    // What was read of many may be too old to wait by.
    const isEnough = snapshot === undefined ? plan.steps.length === 0 : isConverged(plan);
    if (isEnough) return { observed, plan, outcomes, replacement: false };
  }
  for (let round = 0; ; round++) {
    const observed = await adapter.observe(key, "live", signal);
    const plan = adapter.plan(key, desired, observed, time);
    const replacement = plan.replacesAddress && !allowReplace;
    const stuck = outcomes.some(({ state }) => state !== "done");
    if (plan.steps.length === 0 || replacement || stuck) return { observed, plan, outcomes, replacement };
    if (round === maxRounds)
      throw new Error(`${adapter.name}: still not done after ${maxRounds} plans: ${plan.summary}`);
    if (round === 0) onStart(plan);
    outcomes.push(
      ...(await executePlan(plan, { mayWrite, apply: (step, outputs) => adapter.apply(step, outputs, signal) })),
    );
    // Who wants to be left alone is not asked how it looks now either.
    if (outcomes.some(isThrottled)) return { observed, plan, outcomes, replacement };
  }
}

function isThrottled(outcome: StepOutcome): boolean {
  return outcome.state === "failed" && decide(outcome.error).kind === "pause";
}
