import type { PlanStep } from "../../../src/provider/index.ts";
import type { Ref } from "../actions.ts";
import { refuseForeign, tagsOf } from "../identity.ts";
import type { ObservedTargetGroup } from "../observation.ts";
import {
  fallbacksOf,
  type HealthCheckSpec,
  type ListenerSpec,
  type Pairs,
  targetGroupAttributes,
} from "../schema/index.ts";
import { type Context, targetGroupName } from "./context.ts";
import { changedPairs, pairsDiff, step, tagSteps } from "./steps.ts";

export interface TargetGroupPlan {
  readonly steps: readonly PlanStep[];
  readonly ref: Ref;
  readonly found: ObservedTargetGroup | undefined;
}

/** The target group of one listener: made, or mended in place. */
export function planTargetGroup(context: Context, listener: ListenerSpec): TargetGroupPlan {
  const { id, spec, observed } = context;
  const name = targetGroupName(id, context.name, listener);
  const found = observed.targetGroups.find((group) => group.name === name);
  const tags = tagsOf(id, spec.tags, listener.port);
  const stepId = `target-group/${listener.port}`;
  if (found === undefined) return planCreation(context, listener, name, tags);
  refuseForeign(`target group ${name}`, found.tags, id);
  const { healthCheck, attributes } = listener.targetGroup;
  const diff = healthDiff(found.healthCheck, healthCheck);
  const steps = [
    ...tagSteps(stepId, { at: "elb", id: found.arn, tags: found.tags }, tags),
    ...(diff.length > 0 ? [step(stepId, { kind: "modifyTargetGroup", arn: found.arn, healthCheck }, { diff })] : []),
    ...attributeSteps(stepId, found.arn, found.attributes, attributes, []),
  ];
  return { steps, ref: found.arn, found };
}

/** Its own port is of no use, as each target is registered with one; the listener's never changes. */
function planCreation(
  context: Context,
  listener: ListenerSpec,
  name: string,
  tags: ReturnType<typeof tagsOf>,
): TargetGroupPlan {
  const { protocol, healthCheck, attributes } = listener.targetGroup;
  const { vpcId } = context.observed.network;
  const stepId = `target-group/${listener.port}`;
  const ref: Ref = { step: stepId, output: "arn" };
  const create = { kind: "createTargetGroup", name, protocol, port: listener.port, vpcId, healthCheck, tags } as const;
  const fallbacks = fallbacksOf(targetGroupAttributes(protocol));
  const steps = [step(stepId, create), ...attributeSteps(stepId, ref, fallbacks, attributes, [stepId])];
  return { steps, ref, found: undefined };
}

function attributeSteps(
  stepId: string,
  arn: Ref,
  before: ObservedTargetGroup["attributes"],
  wanted: Pairs,
  after: readonly string[],
): readonly PlanStep[] {
  if (before === undefined) return [];
  const attributes = changedPairs(before, wanted);
  if (Object.keys(attributes).length === 0) return [];
  const input = { kind: "setAttributes", of: "targetGroup", arn, attributes } as const;
  return [step(`${stepId}/attributes`, input, { after, diff: pairsDiff(before, wanted) })];
}

function healthDiff(before: HealthCheckSpec, after: HealthCheckSpec): ReturnType<typeof pairsDiff> {
  return pairsDiff(healthFields(before), healthFields(after));
}

function healthFields({ http, ...rest }: HealthCheckSpec): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...rest, ...http }).map(([name, value]) => [name, String(value)]));
}
