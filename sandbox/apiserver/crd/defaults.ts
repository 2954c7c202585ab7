import { isMap } from "../object.ts";
import { type JsonSchema, memberSchema } from "./json-schema.ts";

/** Fills in the schema's defaults and drops the nulls that it does not allow, in place. */
export function applySchemaDefaults(schema: JsonSchema, value: unknown): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      if (isStray(items, item) && items.default !== undefined) value[index] = structuredClone(items.default);
      applySchemaDefaults(items, value[index]);
    }
    return;
  }
  if (!isMap(value)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    if (property.default !== undefined && (value[name] === undefined || isStray(property, value[name])))
      value[name] = structuredClone(property.default);
  for (const [name, inner] of Object.entries(value)) {
    const member = memberSchema(schema, name);
    if (member === undefined) continue;
    if (!isStray(member, inner)) applySchemaDefaults(member, inner);
    else if (member.default === undefined) Reflect.deleteProperty(value, name);
    else value[name] = structuredClone(member.default);
  }
}

function isStray({ nullable }: JsonSchema, value: unknown): boolean {
  return value === null && nullable !== true;
}
