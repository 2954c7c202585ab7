import {
  type Desired,
  executePlan,
  type Plan,
  type PlanTime,
  type ProviderAdapter,
  type ScopeKey,
  type StepOutcome,
} from "../../provider/index.ts";

/** A plan may open the way for the next one; a sane adapter needs two or three. */
const maxRounds = 10;

export interface ConvergeOptions {
  readonly time: PlanTime;
  readonly allowReplace: boolean;
  /** Asked before each step. */
  readonly mayWrite: () => string | undefined;
  /** Called with the first plan that will change something, before it does. */
  readonly onStart: (plan: Plan) => void;
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

/** Observes, plans and applies until nothing is left to do, or until a step fails, is pending or may not be done. */
export async function converge<Obs>(
  adapter: ProviderAdapter<unknown, Obs>,
  key: ScopeKey,
  desired: Desired | null,
  { time, allowReplace, mayWrite, onStart, signal }: ConvergeOptions,
): Promise<Convergence<Obs>> {
  const outcomes: StepOutcome[] = [];
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
  }
}
