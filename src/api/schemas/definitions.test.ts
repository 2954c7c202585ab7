import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { exactly } from "./exactly.ts";
import { poolSchema } from "./ip-address-pool.ts";
import { classSchema } from "./load-balancer-class.ts";
import { parseWith } from "./parsed.ts";
import { randomObjects } from "./testing/random-objects.ts";
import { recordSchema } from "./testing/record-schema.ts";
import { definitions, type StructuralSchema, schemaOf } from "./testing/rule-cases.ts";
import { isStructural } from "./testing/structural.ts";

const schemas: readonly (readonly [string, z.ZodType])[] = [
  ["LoadBalancerClass", classSchema],
  ["IPAddressPool", poolSchema],
  ["LoadBalancerRecord", recordSchema],
];

/** What both ways of writing a schema can say; the rest is theirs alone. */
const comparable = [
  "type",
  "enum",
  "pattern",
  "format",
  "default",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "maxProperties",
] as const;

function normalised(schema: StructuralSchema): object {
  const { properties = {}, items, additionalProperties } = schema;
  const said = Object.fromEntries(comparable.map((word) => [word, schema[word]]));
  return {
    ...said,
    // zod writes out what a date is, and what the largest number is.
    ...(schema.format === "date-time" && { pattern: undefined }),
    ...(schema.maximum === Number.MAX_SAFE_INTEGER && { maximum: undefined }),
    // No entry twice: as a whole or by its type.
    unique: ["set", "map"].find((kind) => kind === schema["x-kubernetes-list-type"]),
    // The API server has its own schema of metadata.
    required: schema.required?.filter((name) => name !== "metadata").toSorted() ?? [],
    properties: Object.fromEntries(
      Object.entries(properties)
        .filter(([name]) => name !== "metadata")
        .map(([name, field]) => [name, normalised(field)]),
    ),
    items: items && normalised(items),
    values: additionalProperties && normalised(additionalProperties),
  };
}

function fromZod(schema: z.ZodType): StructuralSchema {
  const options = { target: "openapi-3.0", io: "input", unrepresentable: "any" } as const;
  return z.toJSONSchema(schema, options) as StructuralSchema;
}

it("every definition has a schema in zod", () => {
  expect([...definitions.keys()].toSorted()).toEqual(schemas.map(([kind]) => kind).toSorted());
});

describe.each(schemas)("%s", (kind, schema) => {
  it("is the same in zod and in crds", () => {
    expect(normalised(fromZod(schema))).toEqual(normalised(schemaOf(kind)));
  });

  it("has a description of every field", () => {
    const bare = (at: string, { description, properties = {}, items }: StructuralSchema): string[] => [
      ...(description === undefined && !at.endsWith("[]") && at !== ".metadata" ? [at] : []),
      ...Object.entries(properties).flatMap(([name, field]) => bare(`${at}.${name}`, field)),
      ...(items === undefined ? [] : bare(`${at}[]`, items)),
    ];
    expect(bare("", schemaOf(kind))).toEqual([]);
  });

  it("is accepted by both or by neither", () => {
    const rules = new Set(messagesOf(schemaOf(kind)));
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(randomObjects(kind, ["spec", "status"]), (object) => {
        const parsed = parseWith(schema, object);
        const issues = "issues" in parsed ? parsed.issues : [];
        const structural = isStructural(schemaOf(kind), object);
        seen[structural ? "accepted" : "refused"]++;
        expect(issues.filter(({ message }) => !rules.has(message)).length === 0, JSON.stringify(issues)).toBe(
          structural,
        );
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(seen).toEqual({ accepted: expect.toSatisfy(many), refused: expect.toSatisfy(many) });
  });
});

function many(count: number): boolean {
  return count > 100;
}

function messagesOf(schema: StructuralSchema): string[] {
  const { properties = {}, additionalProperties, items } = schema;
  const below = [...Object.values(properties), additionalProperties, items].filter((each) => each !== undefined);
  return [...(schema["x-kubernetes-validations"] ?? []).map(({ message }) => message), ...below.flatMap(messagesOf)];
}

it("the type checker tells a schema from the type that it is not of", () => {
  interface Plain {
    name: string;
    size?: number;
  }
  const size = z.number().exactOptional();
  const right = z.object({ name: z.string(), size });
  expect(exactly<Plain>()(right)).toBe(right);
  expect(exactly<Readonly<Plain>>()(right)).toBe(right);
  // @ts-expect-error: a field too few
  exactly<Plain>()(z.object({ name: z.string() }));
  // @ts-expect-error: a field too many
  exactly<Plain>()(right.extend({ colour: z.string().exactOptional() }));
  // @ts-expect-error: a field that the type need not have
  exactly<Plain>()(z.object({ name: z.string(), size: z.number() }));
  // @ts-expect-error: a field that the type must have
  exactly<Plain>()(z.object({ name: z.string().exactOptional(), size }));
  // @ts-expect-error: another type
  exactly<Plain>()(z.object({ name: z.string(), size: z.string().exactOptional() }));
});
