import type { Issue, Plan, PlanStep, StepResult } from "./contract.ts";
import { ProviderError } from "./errors.ts";

/** What became of one step. */
export type StepOutcome =
  | { readonly state: "done"; readonly step: PlanStep; readonly issues: readonly Issue[] }
  | { readonly state: "pending"; readonly step: PlanStep; readonly what: string; readonly pollAfterMs: number }
  | { readonly state: "failed"; readonly step: PlanStep; readonly error: unknown }
  /** A step that it depends on is not done, or `mayWrite` said no; then `why` is its answer. */
  | { readonly state: "skipped"; readonly step: PlanStep; readonly why: string };

export interface Executor {
  readonly apply: (step: PlanStep, outputs: ReadonlyMap<string, string>) => Promise<StepResult>;
  /** Asked before each step; a text says why nothing may be written any more. */
  readonly mayWrite: () => string | undefined;
}

/**
 * Applies the steps one after the other, each after those that it depends on. A step that fails or is pending holds
 * up its dependents alone. Outputs of a step are handed on as `<step id>.<output>`.
 */
export async function executePlan(plan: Plan, { apply, mayWrite }: Executor): Promise<readonly StepOutcome[]> {
  const outputs = new Map<string, string>();
  const outcomes = new Map<string, StepOutcome>();
  for (const step of inOrder(plan.steps)) {
    const missing = step.dependsOn.find((id) => outcomes.get(id)?.state !== "done");
    const why = missing === undefined ? mayWrite() : `step ${missing} is not done`;
    outcomes.set(step.id, why === undefined ? await attempt(step) : { state: "skipped", step, why });
  }
  return [...outcomes.values()];

  async function attempt(step: PlanStep): Promise<StepOutcome> {
    try {
      const result = await apply(step, outputs);
      if (result.state === "pending") return { ...result, step };
      for (const [name, value] of Object.entries(result.outputs ?? {})) outputs.set(`${step.id}.${name}`, value);
      return { state: "done", step, issues: result.issues ?? [] };
    } catch (error) {
      const gone = error instanceof ProviderError && error.fault.kind === "notFound";
      return gone && step.action === "delete" ? { state: "done", step, issues: [] } : { state: "failed", step, error };
    }
  }
}

/** Steps so that each comes after what it depends on, otherwise as the planner put them. */
export function inOrder(steps: readonly PlanStep[]): readonly PlanStep[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  if (byId.size < steps.length) throw new Error("a plan has two steps of the same id");
  const ordered = new Set<PlanStep>();
  const entered = new Set<PlanStep>();
  function visit(step: PlanStep): void {
    if (ordered.has(step)) return;
    if (entered.has(step)) throw new Error(`step ${step.id} of a plan depends on itself`);
    entered.add(step);
    for (const id of step.dependsOn) {
      const before = byId.get(id);
      if (before === undefined) throw new Error(`step ${step.id} of a plan depends on ${id}, which the plan lacks`);
      visit(before);
    }
    ordered.add(step);
  }
  steps.forEach(visit);
  return [...ordered];
}
