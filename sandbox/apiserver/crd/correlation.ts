import { asList, asMap, sameJson } from "../object.ts";
import type { JsonSchema } from "./json-schema.ts";

/** What a member of an object was before an update. */
export function oldMember(old: unknown, name: string): unknown {
  const members = asMap(old);
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

/** What an item of a list was before an update: only lists with keys tell which one it is. */
export function oldItem(schema: JsonSchema, old: unknown, item: unknown): unknown {
  if (schema["x-kubernetes-list-type"] !== "map") return undefined;
  const keys = keysOf(schema, item);
  return asList(old).find((other) => sameJson(keysOf(schema, other), keys));
}

/** The part of an item that tells it from the others of its list. */
export function keysOf({ items, ...schema }: JsonSchema, item: unknown): Readonly<Record<string, unknown>> {
  const fields = asMap(item);
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const pairs = keys.map((key) => [key, fields[key] ?? items?.properties?.[key]?.default] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}
