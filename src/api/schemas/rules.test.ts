import { describe, expect, it } from "vitest";
import { type Parsed, parseClass, parsePool } from "./index.ts";
import { definitions, ruleCases, type StructuralSchema, schemaOf } from "./testing/rule-cases.ts";

const parsers: Readonly<Record<string, (object: unknown) => Parsed<unknown>>> = {
  LoadBalancerClass: parseClass,
  IPAddressPool: parsePool,
};

describe("objects that are made", () => {
  it.each(ruleCases.filter(({ before }) => before === undefined))("$rule ($kind $at)", (row) => {
    const parse = parsers[row.kind]!;
    expect(parse(row.accepted)).toEqual({ value: expect.objectContaining({ kind: row.kind }) });
    const message = row.message ?? expect.stringMatching(/\w/);
    expect(parse(row.refused)).toEqual({ issues: [{ path: row.path, message }] });
  });
});

it("IPv6 ranges go upwards too, which CEL cannot say", () => {
  const metadata = { name: "a" };
  expect(parsePool({ metadata, spec: { ranges: ["2001:db8::9-2001:db8::a"] } })).toHaveProperty("value");
  expect(parsePool({ metadata, spec: { ranges: ["2001:db8::10-2001:db8::f"] } })).toEqual({
    issues: [{ path: "spec.ranges[0]", message: "the first address must not be above the last; swap them" }],
  });
});

it("gives defaults, and leaves out what nobody knows", () => {
  const metadata = { name: "a", generation: 3 };
  expect(parseClass({ metadata, spec: { loadBalancerClass: "a.b/c", l2: { speed: 1 }, colour: "red" } })).toEqual({
    value: { metadata, spec: { loadBalancerClass: "a.b/c", l2: {}, isDefault: false, deletionPolicy: "Delete" } },
  });
  expect(parsePool({ metadata, spec: { ranges: ["::/64"] } })).toEqual({
    value: { metadata, spec: { ranges: ["::/64"], priority: 0, disabled: false } },
  });
});

it.each<[unknown, string[]]>([
  [undefined, [""]],
  ["a pool", [""]],
  [{}, ["metadata", "spec"]],
  [{ metadata: { name: "a" }, spec: { ranges: "::/64", priority: "high" } }, ["spec.ranges", "spec.priority"]],
])("%j is no pool", (object, paths) => {
  const parsed = parsePool(object);
  expect("issues" in parsed && parsed.issues.map(({ path }) => path)).toEqual(paths);
});

/** Every CEL rule of a schema, as the row of the table that it needs. */
function rulesOf(kind: string, at: string, schema: StructuralSchema): string[] {
  const { properties = {}, additionalProperties, items } = schema;
  return [
    ...(schema["x-kubernetes-validations"] ?? []).map(({ message }) => `${kind} ${at}: ${message}`),
    ...Object.entries(properties).flatMap(([name, field]) => rulesOf(kind, at === "" ? name : `${at}.${name}`, field)),
    ...(items === undefined ? [] : rulesOf(kind, `${at}[]`, items)),
    ...(additionalProperties === undefined ? [] : rulesOf(kind, `${at}[]`, additionalProperties)),
  ];
}

it("every CEL rule has a row, and every message of a row is a rule's", () => {
  const rows = ruleCases
    .filter(({ message }) => message !== undefined)
    .map(({ kind, path, message }) => `${kind} ${path.replace(/\[[^\]]*\]/g, "[]")}: ${message}`);
  const rules = [...definitions.keys()].flatMap((kind) => rulesOf(kind, "", schemaOf(kind)));
  expect(new Set(rows)).toEqual(new Set(rules));
});
