import {
  type FieldDiff,
  makePlan,
  type Plan,
  type PlanStep,
  type PlanTime,
  type Wait,
} from "../../../src/provider/index.ts";
import { type Action, type Ref, type Resource, refOf, refText, targetOf } from "../resources.ts";
import type { Comparison } from "./comparison.ts";

interface StepRest {
  readonly dependsOn?: readonly string[];
  readonly diff?: readonly FieldDiff[];
}

export function insertStep(resource: Resource, dependsOn: readonly string[] = []): PlanStep {
  return step(`create ${refText(refOf(resource))}`, "create", { verb: "insert", resource }, { dependsOn });
}

export function deleteStep(ref: Ref, dependsOn: readonly string[] = []): PlanStep {
  return step(deleteId(ref), "delete", { verb: "delete", ref }, { dependsOn });
}

export function deleteId(ref: Ref): string {
  return `delete ${refText(ref)}`;
}

/** What makes the resource as it should be, without deleting it. */
export function changeStep(
  resource: Resource,
  { change, diff }: Comparison,
  dependsOn: readonly string[] = [],
): PlanStep {
  return step(`update ${refText(refOf(resource))}`, "update", actionOf(resource, change), { dependsOn, diff });
}

function actionOf(resource: Resource, change: Comparison["change"]): Action {
  if (resource.kind === "forwardingRule" && change === "globalAccess")
    return { verb: "globalAccess", rule: resource.name, allow: resource.allowGlobalAccess === true };
  if (resource.kind === "healthCheck" || resource.kind === "firewall" || resource.kind === "backendService")
    return { verb: "update", resource };
  throw new Error(`a ${resource.kind} cannot be changed`);
}

export function step(
  id: string,
  action: PlanStep["action"],
  input: Action,
  { dependsOn = [], diff = [] }: StepRest = {},
): PlanStep {
  return { id, action, target: refText(targetOf(input)), dependsOn, input, diff };
}

/** The plan, with what it says in one line. */
export function planOf(steps: readonly PlanStep[], waits: readonly Wait[] = [], replacesAddress = false): Plan {
  const parts = [...steps.map(({ id }) => id), ...waits.map(({ what }) => `wait: ${what}`)];
  return makePlan({ steps, waits, replacesAddress, summary: parts.join(", ") || "nothing to do" });
}

/** As long as somebody who waits may at most go without a look; what he waits for wakes him when it is done. */
const maxPollMs = 300_000;

/** The plan, which looks less and less often for what does not come. */
export function patient(plan: Plan, { since }: Pick<PlanTime, "since">): Plan {
  const waits = plan.waits.map((wait) => ({
    ...wait,
    pollAfterMs: Math.max(wait.pollAfterMs, Math.min(since(wait.id), maxPollMs)),
  }));
  return { ...plan, waits };
}

export function idsOf(steps: readonly PlanStep[]): readonly string[] {
  return steps.map(({ id }) => id);
}
