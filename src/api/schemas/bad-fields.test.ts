import { expect, it } from "vitest";
import { type Parsed, parseClass, parsePool } from "./index.ts";
import { type StructuralSchema, schemaOf } from "./testing/rule-cases.ts";

interface Kind {
  readonly parse: (object: unknown) => Parsed<unknown>;
  /** That is accepted. */
  readonly spec: object;
}

const kinds: Readonly<Record<string, Kind>> = {
  LoadBalancerClass: { parse: parseClass, spec: { loadBalancerClass: "example.com/a", proxy: {} } },
  IPAddressPool: { parse: parsePool, spec: { ranges: ["2001:db8::/64"] } },
};

interface Field {
  /** From `spec` on; a number is a place in a list, `*` a key of a map. */
  readonly path: readonly (string | number)[];
  readonly schema: StructuralSchema;
}

function fieldsOf(path: Field["path"], schema: StructuralSchema): readonly Field[] {
  const { properties = {}, items, additionalProperties } = schema;
  return [
    { path, schema },
    ...Object.entries(properties).flatMap(([name, field]) => fieldsOf([...path, name], field)),
    ...(items === undefined ? [] : fieldsOf([...path, 0], items)),
    ...(additionalProperties === undefined ? [] : fieldsOf([...path, "*"], additionalProperties)),
  ];
}

/** Of another type, and beyond each bound that the definition in crds sets. */
function badValues({
  type,
  minimum,
  maximum,
  minLength,
  maxLength,
  minItems,
  maxItems,
  ...rest
}: StructuralSchema): readonly unknown[] {
  const wrong = { object: "x", array: "x", integer: "x", boolean: "true", string: 7 }[type ?? "object"];
  return [
    wrong,
    ...(type === "integer" ? [1.5] : []),
    ...(minimum === undefined ? [] : [minimum - 1]),
    ...(maximum === undefined ? [] : [maximum + 1]),
    ...(minLength === undefined ? [] : ["a".repeat(minLength - 1)]),
    ...(maxLength === undefined ? [] : ["a".repeat(maxLength + 1)]),
    ...(minItems === undefined ? [] : [[]]),
    ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, (_, i) => `a${i}`)]),
    ...(rest.enum === undefined ? [] : ["Nonsense"]),
  ];
}

/** What `whole` becomes with `value` at the path. */
function withValue(whole: unknown, [step, ...rest]: Field["path"], value: unknown): unknown {
  if (step === undefined) return value;
  const below = (inner: unknown): unknown => withValue(inner, rest, value);
  if (typeof step === "number") return [below(undefined)];
  const fields = typeof whole === "object" && whole !== null ? whole : {};
  return { ...fields, [step]: below(Object(fields)[step]) };
}

const cases = Object.entries(kinds).flatMap(([kind, { parse, spec }]) =>
  fieldsOf(["spec"], schemaOf(kind).properties!["spec"]!).flatMap(({ path, schema: field }) =>
    badValues(field).map((value) => ({ kind, parse, spec, path, value })),
  ),
);

it.each(cases.map((row) => [row.kind, row.path.join("."), JSON.stringify(row.value).slice(0, 40), row] as const))(
  "%s %s: %s is refused, and the place is named",
  (_kind, _at, _text, { parse, spec, path, value }) => {
    const parsed = parse(withValue({ metadata: { name: "a" }, spec }, path, value));
    const place = path.reduce<string>(
      (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
      "",
    );
    const found = "issues" in parsed ? parsed.issues : [];
    expect(found.map((issue) => issue.path.replace("[*]", ".*"))).toEqual(
      expect.arrayContaining([expect.toSatisfy((text: string) => text === place || text.startsWith(`${place}[`))]),
    );
  },
);
