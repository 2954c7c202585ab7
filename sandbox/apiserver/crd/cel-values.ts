import { evaluate } from "@marcbachmann/cel-js";
import { asList, asMap, isMap } from "../object.ts";
import { type JsonSchema, memberSchema } from "./json-schema.ts";

const keywords: ReadonlySet<string> = new Set(
  "as break const continue else false for function if import in let loop namespace null package return true var void while".split(
    " ",
  ),
);
const letters: Readonly<Record<string, string>> = { __: "underscores", ".": "dot", "-": "dash", "/": "slash" };

/** The name of a property in CEL, which knows fewer letters and has words of its own. */
function escaped(name: string): string {
  if (keywords.has(name)) return `__${name}__`;
  return name.replaceAll(/__|[./-]/g, (found) => `__${letters[found]}__`);
}

/** A JSON value as CEL sees it through its schema: integers apart from other numbers, times as times. */
export function celValue(schema: JsonSchema | undefined, value: unknown, isRoot = false): unknown {
  if (Array.isArray(value)) return value.map((item) => celValue(schema?.items, item));
  if (isMap(value)) return celObject(schema, value, isRoot);
  if (typeof value === "number") return Number.isInteger(value) && schema?.type !== "number" ? BigInt(value) : value;
  return typeof value === "string" ? celText(schema?.format ?? "", value) : value;
}

function celText(format: string, text: string): unknown {
  switch (format) {
    case "date":
    case "date-time":
      return new Date(text);
    case "duration":
      return evaluate("duration(text)", { text });
    case "byte":
      return new Uint8Array(Buffer.from(text, "base64"));
    default:
      return text;
  }
}

/** Rules see only what the schema has, and of the metadata only the names. */
function celObject(schema: JsonSchema | undefined, value: Readonly<Record<string, unknown>>, isRoot: boolean): unknown {
  const isResource = isRoot || schema?.["x-kubernetes-embedded-resource"] === true;
  const own = isResource ? resourceFields(value) : {};
  const isOpen = schema === undefined || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const names = Object.keys(value).filter((name) => !(name in own) && value[name] !== undefined);
  const members = names.flatMap((name) => {
    const inner = schema === undefined ? undefined : memberSchema(schema, name);
    if (inner === undefined && !isOpen) return [];
    const isProperty = schema?.properties !== undefined && Object.hasOwn(schema.properties, name);
    return [[isProperty ? escaped(name) : name, celValue(inner, value[name])] as const];
  });
  return { ...own, ...Object.fromEntries(members) };
}

function resourceFields(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { name, generateName } = asMap(value["metadata"]);
  const metadata = Object.fromEntries(Object.entries({ name, generateName }).filter(([, text]) => text !== undefined));
  return { apiVersion: value["apiVersion"], kind: value["kind"], metadata };
}

/** The members of an object or a list that rules may be about, with their schemas. */
export function membersOf(
  schema: JsonSchema,
  value: unknown,
): readonly (readonly [string | number, JsonSchema, unknown])[] {
  const { items } = schema;
  if (Array.isArray(value))
    return items === undefined ? [] : asList(value).map((item, index) => [index, items, item] as const);
  if (!isMap(value)) return [];
  return Object.keys(value)
    .toSorted()
    .flatMap((name) => {
      const inner = memberSchema(schema, name);
      return inner === undefined || value[name] === undefined ? [] : [[name, inner, value[name]] as const];
    });
}
