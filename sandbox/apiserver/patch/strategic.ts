import { asList, isMap, type JsonMap, sameJson } from "../object.ts";
import { patchMetaOf, type Schema, type Schemas } from "../schema.ts";
import { badRequest } from "../status.ts";

const directive = "$patch";
const retainKeys = "$retainKeys";
const deleteFromPrimitiveList = "$deleteFromPrimitiveList/";
const setElementOrder = "$setElementOrder/";

/**
 * Strategic merge patch: a JSON merge patch whose lists merge by the key that the schema names, with the
 * directives of k8s.io/apimachinery/pkg/util/strategicpatch.
 */
export function strategicMergePatch(
  schemas: Schemas,
  schema: Schema | undefined,
  target: JsonMap,
  patch: JsonMap,
): JsonMap {
  switch (patch[directive]) {
    case undefined:
    case "merge":
      break;
    case "replace":
      return Object.fromEntries(Object.entries(patch).filter(([field]) => field !== directive));
    case "delete":
      return {};
    default:
      throw badRequest(`Unknown patch type found: ${String(patch[directive])}`);
  }
  const result = retained(target, patch);
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith("$")) continue;
    const merged = value === null ? undefined : mergeField(schemas, schema, field, result[field], value, patch);
    if (merged === undefined) delete result[field];
    else result[field] = merged;
  }
  return applyListDirectives(schemas, schema, result, patch);
}

function mergeField(
  schemas: Schemas,
  parent: Schema | undefined,
  field: string,
  before: unknown,
  value: unknown,
  patch: JsonMap,
): unknown {
  const { schema, strategies, mergeKey } = patchMetaOf(schemas, parent, field);
  if (isMap(value) && isMap(before) && !strategies.includes("replace"))
    return strategicMergePatch(schemas, schema, before, value);
  if (!Array.isArray(value) || !strategies.includes("merge")) return withoutDirectives(value);
  // A list that was not there is taken as it is, even with one key twice.
  const merged = !Array.isArray(before)
    ? asList(withoutDirectives(value))
    : mergeKey === undefined
      ? [...before, ...value.filter((item) => !before.some((known) => sameJson(known, item)))]
      : mergeByKey(schemas, schema, mergeKey, before, value);
  return ordered(merged, asList(before), asList(patch[`${setElementOrder}${field}`] ?? value), mergeKey);
}

/** Merges maps item by item: one with a known key is patched, one with a new key is added. */
function mergeByKey(
  schemas: Schemas,
  schema: Schema | undefined,
  key: string,
  current: readonly unknown[],
  patches: readonly unknown[],
): unknown[] {
  const isReplaced = patches.some((item) => isMap(item) && item[directive] === "replace");
  let result = isReplaced ? [] : [...current];
  for (const item of patches) {
    if (!isMap(item)) throw badRequest(`expected a map in a list that merges by ${key}`);
    if (item[directive] === "replace" && Object.keys(item).length === 1) continue;
    if (item[key] === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const hasKey = (other: unknown): boolean => isMap(other) && sameJson(other[key], item[key]);
    if (item[directive] === "delete") result = result.filter((other) => !hasKey(other));
    else {
      const index = result.findIndex(hasKey);
      const before = result[index];
      const merged = strategicMergePatch(schemas, schema, isMap(before) ? before : {}, item);
      if (index === -1) result.push(merged);
      else result[index] = merged;
    }
  }
  return result;
}

/** `$retainKeys` drops every field that it does not name. */
function retained(target: JsonMap, patch: JsonMap): JsonMap {
  const keys = patch[retainKeys];
  if (!Array.isArray(keys)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([field]) => keys.includes(field)));
}

/** Directives about lists that the patch itself does not hold. */
function applyListDirectives(schemas: Schemas, schema: Schema | undefined, result: JsonMap, patch: JsonMap): JsonMap {
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(deleteFromPrimitiveList)) {
      const field = name.slice(deleteFromPrimitiveList.length);
      const gone = asList(value);
      if (result[field] !== undefined)
        result[field] = asList(result[field]).filter((item) => !gone.some((other) => sameJson(item, other)));
    } else if (name.startsWith(setElementOrder)) {
      const field = name.slice(setElementOrder.length);
      if (result[field] === undefined || patch[field] !== undefined) continue;
      const current = asList(result[field]);
      result[field] = ordered(current, current, asList(value), patchMetaOf(schemas, schema, field).mergeKey);
    }
  }
  return result;
}

/**
 * Puts the items that the patch names (or its `$setElementOrder`) in that order; the others keep their place before
 * those that they stood before.
 */
function ordered(
  items: readonly unknown[],
  before: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const same = (a: unknown, b: unknown): boolean =>
    key === undefined ? sameJson(a, b) : isMap(a) && isMap(b) && sameJson(a[key], b[key]);
  const placeIn = (list: readonly unknown[], item: unknown): number => list.findIndex((other) => same(other, item));
  const named = items
    .filter((item) => placeIn(order, item) !== -1)
    .toSorted((a, b) => placeIn(order, a) - placeIn(order, b));
  const others = items.filter((item) => placeIn(order, item) === -1);
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const place = placeIn(before, item);
    // Items that stood before this one still do; a new item (-1) has nothing before it.
    for (; next < others.length && placeIn(before, others[next]) < place; next++) result.push(others[next]);
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

/** What a patch leaves where nothing was: no nulls, no directives, and nothing of a map that is one. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  if (value[directive] !== undefined) return undefined;
  const kept = Object.entries(value)
    .filter(([field, inner]) => !field.startsWith("$") && inner !== null)
    .map(([field, inner]) => [field, withoutDirectives(inner)] as const);
  return Object.fromEntries(kept.filter(([, inner]) => inner !== undefined));
}
