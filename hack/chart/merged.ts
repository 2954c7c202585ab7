import type { Json } from "./value.ts";

export interface Tree {
  readonly [name: string]: Json;
}

/** Objects laid over each other, as Helm does with the values that it is given. */
export function merged(objects: readonly Tree[]): Tree {
  const result: { [name: string]: Json } = {};
  for (const object of objects)
    for (const [name, value] of Object.entries(object)) {
      const before = result[name];
      result[name] = isTree(before) && isTree(value) ? merged([before, value]) : value;
    }
  return result;
}

function isTree(value: Json | undefined): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
