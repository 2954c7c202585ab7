import type { ObjectMeta } from "../../src/api/index.ts";

/** Any object of the API. A stored one is never mutated: every write makes a new one. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export type JsonMap = Record<string, unknown>;

export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as a map, an empty one when it is none. */
export function asMap(value: unknown): JsonMap {
  return isMap(value) ? value : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? `${value}` : "";
}

/** The value at a dotted path of field names; undefined where the path ends early. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, field) => (isMap(inner) ? inner[field] : undefined), value);
}

/** Whether two JSON values are the same, whatever the order of their keys; an absent key equals undefined. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  if (!isMap(a) || !isMap(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => sameJson(a[key], b[key]));
}

/** `namespace/name`, or `/name` for an object of the cluster: sorts as the API server lists. */
export function storageKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

export function keyOf({ metadata }: KubeObject): string {
  return storageKey(metadata.namespace, metadata.name ?? "");
}

/** RFC 3339 in whole seconds, as metav1.Time prints. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
