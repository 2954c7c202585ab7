import { duplicate, type FieldError } from "../field-error.ts";
import { isMap, sameJson } from "../object.ts";
import { keysOf } from "./correlation.ts";
import { childPath, type JsonSchema, memberSchema } from "./json-schema.ts";

/** What is twice in a list that is a set or has keys. */
export function listTypeErrors(schema: JsonSchema, value: unknown, path = ""): readonly FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    const inner =
      items === undefined ? [] : value.flatMap((item, index) => listTypeErrors(items, item, `${path}[${index}]`));
    return [...repeated(schema, value, path), ...inner];
  }
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const member = memberSchema(schema, name);
    return member === undefined ? [] : listTypeErrors(member, inner, childPath(path, name));
  });
}

function repeated(schema: JsonSchema, list: readonly unknown[], path: string): readonly FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const keys = list.map((item) => (type === "set" ? item : keysOf(schema, item)));
  return keys.flatMap((key, index) =>
    keys.slice(0, index).some((other) => sameJson(other, key)) ? [duplicate(`${path}[${index}]`, key)] : [],
  );
}
