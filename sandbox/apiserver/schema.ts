import { readFileSync } from "node:fs";
import { isMap, type JsonMap } from "./object.ts";

/** A schema of the official OpenAPI v3 documents, as far as we read it. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  /** The named Go type of a string. */
  readonly "x-go-type"?: string;
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
}

/** The schemas of every type that is served, by their full names. */
export class Schemas {
  readonly byName: Readonly<Record<string, Schema>>;

  constructor(byName: Readonly<Record<string, Schema>>) {
    this.byName = byName;
  }

  static load(): Schemas {
    const path = new URL("openapi/schemas.json", import.meta.url);
    return new Schemas(JSON.parse(readFileSync(path, "utf8")) as Record<string, Schema>);
  }

  named(name: string): Schema {
    const schema = this.byName[name];
    if (schema === undefined) throw new Error(`no schema named ${name}`);
    return schema;
  }

  /** The schema name of a reference or of an `allOf` that holds one; undefined for an inline schema. */
  referenced(schema: Schema): string | undefined {
    const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
    return reference?.slice(reference.lastIndexOf("/") + 1);
  }

  /** Follows a reference; an inline schema is itself. */
  resolve(schema: Schema): Schema {
    const name = this.referenced(schema);
    return name === undefined ? schema : this.named(name);
  }

  /** The names of all schemas that `roots` lead to, the roots included. */
  closure(roots: readonly string[]): ReadonlySet<string> {
    const seen = new Set<string>();
    const queue = [...roots];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      for (const [, found = ""] of JSON.stringify(this.named(name)).matchAll(/#\/components\/schemas\/([^"]+)/g))
        queue.push(found);
    }
    return seen;
  }

  /** Fills in what the documents give defaults for, in place. */
  applyDefaults(name: string, object: JsonMap): void {
    this.#defaults(this.named(name), object);
  }

  #defaults(schema: Schema, value: unknown): void {
    if (Array.isArray(value)) {
      if (schema.items !== undefined) for (const item of value) this.#defaults(this.resolve(schema.items), item);
      return;
    }
    if (!isMap(value)) return;
    for (const [field, property] of Object.entries(schema.properties ?? {})) {
      if (value[field] === undefined && property.default !== undefined && field !== "metadata")
        value[field] = structuredClone(property.default);
      if (value[field] !== undefined) this.#defaults(this.resolve(property), value[field]);
    }
    if (schema.additionalProperties !== undefined)
      for (const inner of Object.values(value)) this.#defaults(this.resolve(schema.additionalProperties), inner);
  }
}

/** How a strategic merge patch treats the value of one field. */
export interface PatchMeta {
  readonly schema: Schema | undefined;
  readonly strategies: readonly string[];
  readonly mergeKey: string | undefined;
}

export function patchMetaOf(schemas: Schemas, parent: Schema | undefined, field: string): PatchMeta {
  const property = parent?.properties?.[field] ?? parent?.additionalProperties;
  if (property === undefined) return { schema: undefined, strategies: [], mergeKey: undefined };
  const resolved = schemas.resolve(property);
  return {
    schema: resolved.items === undefined ? resolved : schemas.resolve(resolved.items),
    strategies: (property["x-kubernetes-patch-strategy"] ?? "").split(",").filter((word) => word !== ""),
    mergeKey: property["x-kubernetes-patch-merge-key"],
  };
}

/** The last part of a schema name: the Go struct. */
export function structName(schemaName: string): string {
  return schemaName.slice(schemaName.lastIndexOf(".") + 1);
}
