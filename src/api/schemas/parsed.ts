import type { z } from "zod";

/** What is wrong with an object, and where: `spec.ranges[0]`, as the API server writes paths. */
export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

/** An object that is as its schema says, with its defaults and without unknown fields, or all that is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly issues: readonly SchemaIssue[] };

export function parseWith<T>(schema: z.ZodType<T>, object: unknown): Parsed<T> {
  const { success, data, error } = schema.safeParse(object);
  if (success) return { value: data };
  return { issues: error.issues.map(({ path, message }) => ({ path: pathText(path), message })) };
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
