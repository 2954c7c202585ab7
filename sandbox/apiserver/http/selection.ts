import type { KubeObject } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import { parseFieldSelector, parseLabelSelector } from "../selector.ts";
import { badRequest } from "../status.ts";

/** Which objects a list, a watch or a deletion of a collection is about. */
export interface Selection {
  readonly includes: (object: KubeObject) => boolean;
  /** Whether a selector narrows it, beside the namespace. */
  readonly isSelective: boolean;
}

export function parseSelection(type: ResourceType, namespace: string | undefined, query: URLSearchParams): Selection {
  const labelText = query.get("labelSelector") ?? "";
  const byLabels = parseLabelSelector(labelText);
  const requirements = parseFieldSelector(query.get("fieldSelector") ?? "").map((requirement) => ({
    ...requirement,
    field: type.view?.storedField(requirement.field) ?? requirement.field,
  }));
  const known = new Set(Object.keys(fieldsOf(type, { apiVersion: "", kind: "", metadata: {} })));
  for (const { field } of requirements) if (!known.has(field)) throw badRequest(unknownField(type, field));
  return {
    isSelective: labelText !== "" || requirements.length > 0,
    includes(object) {
      const { metadata } = object;
      if (namespace !== undefined && metadata.namespace !== namespace) return false;
      if (labelText !== "" && !byLabels(metadata.labels ?? {})) return false;
      if (requirements.length === 0) return true;
      const fields = fieldsOf(type, object);
      return requirements.every(({ field, value, negated }) => (fields[field] === value) !== negated);
    },
  };
}

/** Kinds with fields of their own have their own words. */
function unknownField({ behaviour }: ResourceType, field: string): string {
  return behaviour.fields === undefined
    ? `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
    : `field label not supported: ${field}`;
}

function fieldsOf(type: ResourceType, object: KubeObject): Readonly<Record<string, string>> {
  const { name = "", namespace = "" } = object.metadata;
  return {
    ...type.behaviour.fields?.(object),
    "metadata.name": name,
    ...(type.namespaced ? { "metadata.namespace": namespace } : {}),
  };
}
