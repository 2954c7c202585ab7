import { assertNever } from "../../../base/index.ts";
import type { StructuralSchema } from "./rule-cases.ts";

/**
 * Whether a value is as a structural schema says, its CEL rules left aside. Unknown fields do not count, and what is null
 * is absent.
 */
export function isStructural(schema: StructuralSchema, value: unknown): boolean {
  switch (schema.type) {
    case "object":
      return isFields(value) && isObject(schema, value);
    case "array":
      return Array.isArray(value) && isList(schema, value);
    case "string":
      return typeof value === "string" && isText(schema, value);
    case "integer":
      return Number.isInteger(value) && within(Number(value), schema.minimum, schema.maximum);
    case "boolean":
      return typeof value === "boolean";
    default:
      return assertNever(schema.type, "schema type");
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isObject(schema: StructuralSchema, fields: Readonly<Record<string, unknown>>): boolean {
  const { properties = {}, additionalProperties, required = [], maxProperties } = schema;
  const value = Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== null));
  return (
    required.every((name) => Object.hasOwn(value, name)) &&
    within(Object.keys(value).length, 0, maxProperties) &&
    Object.entries(value).every(([name, field]) => {
      const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
      return schema === undefined || isStructural(schema, field);
    })
  );
}

function isList(schema: StructuralSchema, value: readonly unknown[]): boolean {
  const { items, minItems, maxItems } = schema;
  const listType = schema["x-kubernetes-list-type"];
  const entries = listType === "map" ? value.map((item) => (isFields(item) ? item["type"] : item)) : value;
  return (
    within(value.length, minItems, maxItems) &&
    (listType === "atomic" || new Set(entries).size === value.length) &&
    value.every((item) => items === undefined || isStructural(items, item))
  );
}

function isText(schema: StructuralSchema, value: string): boolean {
  const { enum: words, pattern = "", format, minLength, maxLength } = schema;
  return (
    (words === undefined || words.includes(value)) &&
    within(value.length, minLength, maxLength) &&
    new RegExp(pattern).test(value) &&
    (format !== "date-time" || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value))
  );
}

function within(value: number, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): boolean {
  return value >= least && value <= most;
}
