import type { V1LabelSelector } from "@kubernetes/client-node";
import type { Json } from "../base/index.ts";

export type LabelSelector = Json<V1LabelSelector>;
export type Labels = Readonly<Record<string, string>>;

/** Whether the labels meet every requirement; one with an operator that we do not know is met by none. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => meets(operator, values, labels[key]))
  );
}

/** As Kubernetes: a label that is absent is not in any list, and `NotIn` holds for it. */
function meets(operator: string, values: readonly string[], value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}
