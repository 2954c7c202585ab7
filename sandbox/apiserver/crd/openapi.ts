import type { Schema } from "../schema.ts";
import type { JsonSchema } from "./json-schema.ts";

const meta = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1";
const conventions = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";

const typeFields = {
  apiVersion: {
    description: `APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: ${conventions}#resources`,
    type: "string",
  },
  kind: {
    description: `Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: ${conventions}#types-kinds`,
    type: "string",
  },
};

/** A kind as OpenAPI tells of it. */
export interface Described {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
}

/** The name of the schema of a kind: `com.example.toys.v1.Widget`. */
export function schemaName({ group, version, kind }: Described): string {
  return `${group.split(".").toReversed().join(".")}.${version}.${kind}`;
}

/** The schemas of a kind and of its list, by their full names. */
export function openApiSchemas(described: Described, schema: JsonSchema): Readonly<Record<string, Schema>> {
  const { group, version, kind, listKind } = described;
  const name = schemaName(described);
  const metadata = {
    description: `Standard object's metadata. More info: ${conventions}#metadata`,
    allOf: [{ $ref: `${meta}.ObjectMeta` }],
  };
  const own = published(schema) as Schema;
  return {
    [name]: {
      ...own,
      properties: { ...own.properties, ...typeFields, metadata },
      "x-kubernetes-group-version-kind": [{ group, version, kind }],
    },
    [`${name}List`]: {
      type: "object",
      properties: {
        ...typeFields,
        items: { type: "array", items: { $ref: `#/components/schemas/${name}` } },
        metadata: { allOf: [{ $ref: `${meta}.ListMeta` }] },
      },
      "x-kubernetes-group-version-kind": [{ group, version, kind: listKind }],
    },
  };
}

/** Rules stay behind, and a number or a text is spelled out. */
function published(whole: JsonSchema): JsonSchema {
  const { "x-kubernetes-validations": _rules, ...schema } = whole;
  const { items, properties, additionalProperties } = schema;
  return {
    ...schema,
    ...(schema["x-kubernetes-int-or-string"] === true ? { anyOf: [{ type: "integer" }, { type: "string" }] } : {}),
    ...(items === undefined ? {} : { items: published(items) }),
    ...(typeof additionalProperties === "object" ? { additionalProperties: published(additionalProperties) } : {}),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, published(property)]),
          ),
        }),
  };
}
