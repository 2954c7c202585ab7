// What a value of the chart is: the words in which the table in `values.ts` is written. Pure.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON schema. */
export type Schema = { readonly [key: string]: Json };

/** A value that has values below it, or is one. */
export type Entry = Section | Value;

export interface Section {
  readonly help: string;
  readonly values: Values;
}

export type Values = { readonly [name: string]: Entry };

export interface Value {
  readonly help: string;
  readonly fallback: Json;
  /** What it is called in the table of the README. */
  readonly type: string;
  readonly schema: Schema;
}

export function isSection(entry: Entry): entry is Section {
  return "values" in entry;
}

export function text(fallback: string, help: string, more: Schema = {}): Value {
  return { help, fallback, type: "text", schema: { type: "string", ...more } };
}

export function oneOf(choices: readonly string[], fallback: string, help: string): Value {
  return { help, fallback, type: choices.filter((choice) => choice !== "").join(" or "), schema: { enum: choices } };
}

export function bool(fallback: boolean, help: string): Value {
  return { help, fallback, type: "bool", schema: { type: "boolean" } };
}

export function whole(fallback: number, [minimum, maximum]: readonly [number, number], help: string): Value {
  return { help, fallback, type: "number", schema: { type: "integer", minimum, maximum } };
}

export function list(fallback: readonly Json[], items: Schema, help: string): Value {
  return { help, fallback, type: "list", schema: { type: "array", items } };
}

/** An object whose keys the schema knows, or a map if it says so. */
export function object(fallback: { readonly [key: string]: Json }, schema: Schema, help: string): Value {
  return { help, fallback, type: "object", schema: { type: "object", ...schema } };
}

/** Text to text, as labels and annotations are. */
export function texts(fallback: { readonly [key: string]: string }, help: string): Value {
  return object(fallback, { additionalProperties: { type: "string" } }, help);
}

/** An object that has these keys and no others. */
export function closed(properties: { readonly [key: string]: Json }): Schema {
  return { type: "object", additionalProperties: false, properties };
}

/** A list of texts, each once. */
export function unique(fallback: readonly string[], help: string): Value {
  const { schema, ...value } = list(fallback, { type: "string" }, help);
  return { ...value, schema: { ...schema, uniqueItems: true } };
}
