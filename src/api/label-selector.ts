import type { LabelSelector } from "./kubernetes.ts";

/**
 * Whether labels satisfy all of the selector; an empty one selects everything. An operator that Kubernetes does not
 * know selects nothing, so that a typing error opens nothing.
 */
export function selects({ matchLabels, matchExpressions }: LabelSelector, labels: Labels = {}): boolean {
  return (
    Object.entries(matchLabels ?? {}).every(([key, value]) => valueOf(labels, key) === value) &&
    (matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = valueOf(labels, key);
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
    })
  );
}

type Labels = Readonly<Record<string, string>>;

function valueOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
