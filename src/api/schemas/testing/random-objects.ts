import fc from "fast-check";
import { assertNever } from "../../../base/index.ts";
import { type StructuralSchema, schemaOf } from "./rule-cases.ts";

/** Objects of a kind that are almost as its schema says: some are, some have a field that is missing, odd or too many. */
export function randomObjects(kind: string, parts: readonly ("spec" | "status")[]): fc.Arbitrary<object> {
  const { properties = {}, required = [] } = schemaOf(kind);
  const chosen = Object.entries(properties).filter(([name]) => parts.some((part) => part === name));
  const fields = Object.fromEntries(chosen.map(([name, schema]) => [name, nearly(schema)]));
  return fc
    .record(fields, { requiredKeys: required.filter((name) => name in fields) })
    .map((object) => ({ apiVersion: "berth.dev/v1alpha1", kind, metadata: { name: "case" }, ...object }));
}

const providers = ["proxy", "node", "awsNlb", "gcpL4", "l2", "bgp"];

function nearly(schema: StructuralSchema): fc.Arbitrary<unknown> {
  // kube-apiserver lets lists through where a text has a format.
  const lists = schema.format === undefined ? [[], ["x"]] : [];
  const odd = fc.constantFrom<unknown>("x", "", 1.5, -1, 2_000_000, true, {}, { x: 1 }, null, ...lists);
  return fc.oneof({ weight: 100, arbitrary: like(schema) }, { weight: 1, arbitrary: odd });
}

function like(schema: StructuralSchema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "object":
      return schema.additionalProperties === undefined ? fields(schema) : map(schema.additionalProperties);
    case "array":
      return list(schema);
    case "integer":
      return fc.oneof(bounded(schema), fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1000 }));
    case "boolean":
      return fc.boolean();
    case "string":
      return text(schema);
    default:
      return assertNever(schema.type, "schema type");
  }
}

function fields({ properties = {}, required = [] }: StructuralSchema): fc.Arbitrary<object> {
  const known = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, nearly(schema)]));
  if (providers.every((name) => name in known)) return oneProvider(known, required);
  const some = fc.record(known, { requiredKeys: [...required] });
  return fc.oneof(
    { weight: 20, arbitrary: some },
    { weight: 1, arbitrary: fc.record(known, { requiredKeys: [] }) },
    { weight: 1, arbitrary: some.map((object) => ({ ...object, unknown: 1 })) },
  );
}

/** Fields among which is one provider, most of the time. */
function oneProvider(
  known: Readonly<Record<string, fc.Arbitrary<unknown>>>,
  required: readonly string[],
): fc.Arbitrary<object> {
  const others = Object.fromEntries(Object.entries(known).filter(([name]) => !providers.includes(name)));
  const chosen = fc.oneof(
    { weight: 9, arbitrary: fc.subarray(providers, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.subarray(providers) },
  );
  return fc
    .tuple(
      fc.record(others, { requiredKeys: [...required] }),
      chosen,
      fc.record(Object.fromEntries(providers.map((name) => [name, known[name] ?? fc.constant({})]))),
    )
    .map(([object, set, blocks]) => ({ ...object, ...Object.fromEntries(set.map((name) => [name, blocks[name]])) }));
}

function map(values: StructuralSchema): fc.Arbitrary<object> {
  return fc.dictionary(words, nearly(values), { maxKeys: 3 });
}

function list({ items, minItems = 0, maxItems = 3 }: StructuralSchema): fc.Arbitrary<unknown> {
  if (items === undefined) throw new Error("a list must say what is in it");
  const some = { minLength: minItems, maxLength: Math.min(maxItems, 3) };
  return fc.oneof(
    { weight: 40, arbitrary: fc.uniqueArray(nearly(items), some) },
    { weight: 1, arbitrary: fc.array(nearly(items), { maxLength: 3 }) },
    { weight: 1, arbitrary: like(items).map((item) => Array<unknown>(maxItems + 1).fill(item)) },
  );
}

function bounded({ minimum, maximum }: StructuralSchema): fc.Arbitrary<number> {
  return fc.constantFrom(...[minimum, maximum].filter((bound) => bound !== undefined));
}

const address = fc.oneof(
  fc.ipV4(),
  fc.constantFrom("10.0.0.1", "10.0.0.9", "9.255.255.255", "01.2.3.4", "1.2.3", "::ffff:10.0.0.1", "fe80::1%eth0"),
);
const range = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat({ max: 32 })).map(([ip, n]) => `${ip}/${n}`),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(address, fc.constantFrom("33", "129", "08", "x", "")).map(([ip, n]) => `${ip}/${n}`),
  },
  { weight: 1, arbitrary: fc.tuple(address, address).map(([first, last]) => `${first}-${last}`) },
  // CEL cannot say which of two IPv6 addresses is above the other.
  { weight: 1, arbitrary: fc.ipV6().map((ip) => `${ip}-${ip}`) },
  { weight: 1, arbitrary: fc.tuple(fc.ipV4(), fc.ipV6()).map(([first, last]) => `${first}-${last}`) },
);
const words = fc.constantFrom("example.com/a", "berth.dev/allow-replace", "zone", "a.b/c_d.e");
const oddWords = fc.constantFrom("", "-a", "a b", "A.b/c", "a/b/c", "/a", "a/", "a.b/-", "é", `${"a".repeat(63)}b`);

function text({ enum: values, pattern, format, maxLength = 20, ...schema }: StructuralSchema): fc.Arbitrary<unknown> {
  if (values !== undefined) return fc.constantFrom(...values);
  if (pattern !== undefined) return fc.constantFrom("0", "1", "18446744073709551616", "9".repeat(maxLength));
  if (format === "date-time") return fc.constantFrom("2026-11-27T23:46:57Z", "2026-11-27T23:46:57.123456+01:00");
  const rules = schema["x-kubernetes-validations"] ?? [];
  const usual = rules.some(({ rule }) => rule.includes("isCIDR")) ? range : words.filter((word) => fits(word, rules));
  return fc.oneof(
    { weight: 60, arbitrary: usual },
    { weight: 2, arbitrary: oddWords },
    { weight: 1, arbitrary: fc.constant("a".repeat(maxLength)) },
    { weight: 1, arbitrary: fc.constant("a".repeat(maxLength + 1)) },
  );
}

/** Label values have no slash, the names of classes have one. */
function fits(word: string, rules: readonly { readonly rule: string }[]): boolean {
  if (rules.some(({ rule }) => rule.includes("/)["))) return word.includes("/");
  return rules.length === 0 || rules.some(({ rule }) => rule.includes("/")) || !word.includes("/");
}
