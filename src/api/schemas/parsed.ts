import type { z } from "zod";

/** What is wrong with an object, and where: `spec.ranges[0]`, as the API server writes paths. */
export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

/** An object that is as its schema says, with its defaults and without unknown fields, or all that is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly issues: readonly SchemaIssue[] };

export function parseWith<T>(schema: z.ZodType<T>, object: unknown): Parsed<T> {
  const { success, data, error } = schema.safeParse(withoutNulls(object));
  if (success) return { value: data };
  return { issues: error.issues.map(({ path, message }) => ({ path: pathText(path), message })) };
}

/** To the API server a field that is null is absent, as none of ours may be null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)]));
}

/** Fields whose keys are the user's: these stand in brackets. */
const maps: readonly PropertyKey[] = ["matchLabels", "defaults"];

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key, index) => {
    const before = path[index - 1];
    if (typeof key === "number" || (before !== undefined && maps.includes(before))) return `${text}[${String(key)}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}
