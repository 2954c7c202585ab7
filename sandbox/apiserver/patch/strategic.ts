import { asList, asText, isMap, type JsonMap, sameJson } from "../object.ts";
import { patchMetaOf, type Schema, type Schemas } from "../schema.ts";
import { badRequest, unknownError } from "../status.ts";
import { ordered, outOfOrder } from "./order.ts";

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
  const order = patch[`${setElementOrder}${field}`];
  // What a patch changes of a list must come in the order that it demands of the whole list.
  if (Array.isArray(order) && outOfOrder(value.filter(isPlain), order, mergeKey))
    throw unknownError(
      `The order in patch list:\n${goText(value)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
    );
  // A list that was not there is taken as it is, even with one key twice.
  const merged = !Array.isArray(before)
    ? asList(withoutDirectives(value))
    : mergeKey === undefined
      ? [...before, ...value.filter((item) => !before.some((known) => sameJson(known, item)))]
      : mergeByKey(schemas, schema, mergeKey, before, value);
  const known = asList(before);
  const inPatchOrder = ordered(merged, known, value.filter(isPlain), mergeKey);
  if (!Array.isArray(order)) return inPatchOrder;
  // Upstream merges within the array itself: what is new has taken the places of what was deleted.
  const places = mergeKey === undefined ? known : merged.slice(0, known.length);
  return ordered(inPatchOrder, places, order, mergeKey);
}

/** Merges maps item by item, after its directives: one with a known key is patched, one with a new key is added. */
function mergeByKey(
  schemas: Schemas,
  schema: Schema | undefined,
  key: string,
  current: readonly unknown[],
  patches: readonly unknown[],
): readonly unknown[] {
  if (!current.every(isMap) || !patches.every(isMap))
    throw unknownError(`list element types are not identical: ${goText([current, patches])}`);
  const keyOf = (item: JsonMap): unknown => {
    if (item[key] === undefined) throw unknownError(`map: ${goText(item)} does not contain declared merge key: ${key}`);
    return item[key];
  };
  let result: JsonMap[] = [...current];
  let isReplaced = false;
  for (const item of patches) {
    switch (item[directive]) {
      case undefined:
        break;
      case "delete": {
        const gone = keyOf(item);
        result = result.filter((other) => !sameJson(other[key], gone));
        break;
      }
      case "replace":
        isReplaced = true;
        break;
      case "merge":
        throw unknownError("merging lists cannot yet be specified in the patch");
      default:
        throw unknownError(`unknown patch type: ${goText(item[directive])} in map: ${goText(item)}`);
    }
  }
  const plain = patches.filter(isPlain);
  if (isReplaced) return plain;
  for (const item of plain) {
    const wanted = keyOf(item);
    const index = result.findIndex((other) => sameJson(other[key], wanted));
    // What was not there is taken as it is.
    if (index === -1) result.push(withoutDirectives(item) as JsonMap);
    else result[index] = strategicMergePatch(schemas, schema, result[index] ?? {}, item);
  }
  return result;
}

function isPlain(item: unknown): boolean {
  return !isMap(item) || item[directive] === undefined;
}

/** As Go's `%v` prints what it has read from JSON. */
function goText(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isMap(value)) return asText(value);
  const pairs = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${pairs.map(([name, inner]) => `${name}:${goText(inner)}`).join(" ")}]`;
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
