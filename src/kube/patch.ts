import { isDeepStrictEqual } from "node:util";
import type { Condition } from "../api/index.ts";
import { cutText } from "../base/index.ts";
import type { KubeObject } from "./client.ts";
import { wireTime } from "./time.ts";

/**
 * The smallest JSON merge patch (RFC 7386) that makes `after` of `before`; undefined when they do not differ. Lists
 * are replaced whole. What is undefined counts as absent, and so does null, which such a patch cannot set.
 */
export function mergeDiff(before: object, after: object): Record<string, unknown> | undefined {
  const from = new Map(Object.entries(before));
  const to = new Map(Object.entries(after));
  const patch: [string, unknown][] = [];
  for (const [key, value] of to) {
    const old = from.get(key);
    if (isAbsent(value)) {
      if (!isAbsent(old)) patch.push([key, null]);
    } else if (isRecord(old) && isRecord(value)) {
      const inner = mergeDiff(old, value);
      if (inner !== undefined) patch.push([key, inner]);
    } else if (!isDeepStrictEqual(old, value)) patch.push([key, value]);
  }
  for (const [key, old] of from) if (!to.has(key) && !isAbsent(old)) patch.push([key, null]);
  return patch.length === 0 ? undefined : Object.fromEntries(patch);
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A merge patch that adds and removes finalizers; undefined when nothing is to do. It replaces the whole list, so it
 * carries the version that it was made from.
 */
export function finalizerPatch(
  { metadata: { finalizers = [], resourceVersion } }: KubeObject,
  { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): { metadata: { resourceVersion: string | undefined; finalizers: string[] } } | undefined {
  const kept = finalizers.filter((name) => !remove.includes(name));
  const next = [...kept, ...add.filter((name) => !kept.includes(name))];
  return isDeepStrictEqual(next, finalizers) ? undefined : { metadata: { resourceVersion, finalizers: next } };
}

/** Less than API servers take (32 KiB), and as much as anybody reads. */
const maxMessageBytes = 4096;

/**
 * The conditions with this one put in its place; the very same list when that changes nothing. The time of transition
 * moves only when the status does.
 */
export function upsertCondition(
  conditions: readonly Condition[],
  condition: Omit<Condition, "lastTransitionTime">,
  nowMs: number,
): readonly Condition[] {
  const old = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime =
    old !== undefined && old.status === condition.status ? old.lastTransitionTime : wireTime(nowMs);
  const next: Condition = { ...condition, message: cutText(condition.message, maxMessageBytes), lastTransitionTime };
  if (old === undefined) return [...conditions, next];
  return mergeDiff(old, next) === undefined ? conditions : conditions.map((other) => (other === old ? next : other));
}
