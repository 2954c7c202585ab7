// The one table of what kube-proxy's configuration holds (`kubeproxy.config.k8s.io/v1alpha1`, kube-proxy 1.37): from it
// come the flags, the reading and the writing of files, the defaults, `/configz`, the warnings and docs/agent-flags.md.
import type { Field, FieldPath, Fields, FieldValues } from "./field.ts";
import { followedFields } from "./fields-followed.ts";
import { ignoredFields } from "./fields-ignored.ts";

const fields: Fields<FieldPath> = { ...followedFields, ...ignoredFields };

export const fieldPaths: readonly FieldPath[] = (Object.keys(fields) as FieldPath[]).sort();

/** The table's entry as one of a kind that is not known; what is read by it is written by it. */
export function fieldAt(path: FieldPath): Field<unknown> {
  return fields[path] as Field<unknown>;
}

/** What holds when nothing is given. */
export function defaultValues(): FieldValues {
  return Object.fromEntries(fieldPaths.map((path) => [path, fieldAt(path).fallback])) as unknown as FieldValues;
}
