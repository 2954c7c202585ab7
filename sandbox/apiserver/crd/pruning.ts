import { isMap, type JsonMap } from "../object.ts";
import { childPath, type JsonSchema, memberSchema } from "./json-schema.ts";

/** What every object of the API has, whatever its schema says. */
const everywhere: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** A value with only the fields that its schema has; shares nothing with it. The paths of all others are in `unknown`. */
export function pruned(schema: JsonSchema | undefined, value: unknown, unknown: string[], path = ""): unknown {
  if (Array.isArray(value))
    return value.map((item, index) => pruned(schema?.items, item, unknown, `${path}[${index}]`));
  if (!isMap(value)) return value;
  const result: JsonMap = {};
  for (const [name, inner] of Object.entries(value)) {
    const at = childPath(path, name);
    const known = schema === undefined ? undefined : memberSchema(schema, name);
    if (isEverywhere(schema, name, path)) result[name] = structuredClone(inner);
    else if (known !== undefined) result[name] = pruned(known, inner, unknown, at);
    else if (isOpen(schema)) result[name] = structuredClone(inner);
    else unknown.push(at);
  }
  return result;
}

function isEverywhere(schema: JsonSchema | undefined, name: string, path: string): boolean {
  return everywhere.has(name) && (path === "" || schema?.["x-kubernetes-embedded-resource"] === true);
}

function isOpen(schema: JsonSchema | undefined): boolean {
  return schema?.["x-kubernetes-preserve-unknown-fields"] === true || schema?.additionalProperties === true;
}
