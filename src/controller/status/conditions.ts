import { type Condition, conditionTypes } from "../../api/index.ts";
import { upsertCondition } from "../../kube/index.ts";

/** What we found out about one aspect of a Service. `reason` is CamelCase, `message` is for people. */
export interface Finding {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export type Aspect = keyof typeof conditionTypes;

/** What the conditions are called: on a Service ours by default. */
type ConditionTypes = Readonly<Record<Aspect, string>>;

/** One finding per condition type; absent leaves the condition as it is, null takes it away. */
export type Findings = { readonly [A in Aspect]?: Finding | null };

const aspects = Object.keys(conditionTypes) as Aspect[];

/**
 * The conditions of a Service with ours brought up to date. Those of others stay as they are and where they are;
 * the very same list when nothing changed.
 */
export function mergeConditions(
  before: readonly Condition[],
  findings: Findings,
  nowMs: number,
  types: ConditionTypes = conditionTypes,
): readonly Condition[] {
  let conditions = before;
  for (const aspect of aspects) {
    const finding = findings[aspect];
    const old = conditionOf(conditions, aspect, types);
    if (finding === null && old !== undefined) conditions = conditions.filter((condition) => condition !== old);
    if (finding != null) conditions = upsertCondition(conditions, wire(types[aspect], finding), nowMs);
  }
  return conditions;
}

export function conditionOf(
  conditions: readonly Condition[],
  aspect: Aspect,
  types: ConditionTypes = conditionTypes,
): Condition | undefined {
  return conditions.find(({ type }) => type === types[aspect]);
}

/** Whether the condition says already what was found. */
export function saysTheSame(conditions: readonly Condition[], aspect: Aspect, finding: Finding): boolean {
  return upsertCondition(conditions, wire(conditionTypes[aspect], finding), 0) === conditions;
}

function wire(type: string, { status, reason, message }: Finding): Omit<Condition, "lastTransitionTime"> {
  return { type, status: status ? "True" : "False", reason, message };
}
