import { describe, expect, it } from "vitest";
import type { KubeObject } from "../object.ts";
import { customColumns } from "./columns.ts";
import { applySchemaDefaults } from "./defaults.ts";
import { hasFormat } from "./formats.ts";
import { firstAt, parseJsonPath } from "./json-path.ts";
import type { JsonSchema } from "./json-schema.ts";
import { pruned } from "./pruning.ts";
import { resourceErrors } from "./resource-errors.ts";

// What the real server says to each feature stands in e2e/contract; here is what a script cannot reach.
function object(spec: unknown): KubeObject {
  return { apiVersion: "example.com/v1", kind: "Toy", metadata: { name: "a" }, spec };
}

function refusals(schema: JsonSchema, spec: unknown, old?: unknown): string[] {
  const root: JsonSchema = { type: "object", properties: { metadata: { type: "object" }, spec: schema } };
  const errors = resourceErrors(root, object(spec), old === undefined ? undefined : object(old));
  return errors.map(({ field, body }) => `${field}: ${body}`);
}

describe("an update", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: {
      a: { type: "string", maxLength: 1 },
      list: { type: "array", items: { type: "string", maxLength: 1 }, "x-kubernetes-list-type": "set" },
      rule: { type: "integer", "x-kubernetes-validations": [{ rule: "self > 0" }] },
    },
  };

  it("may leave wrong what was wrong", () => {
    const old = { a: "long", list: ["long", "long"], rule: -1 };
    expect(refusals(schema, { ...old, b: 1 }, old)).toEqual([]);
    expect(refusals(schema, { a: "other" }, old)).toEqual([
      expect.stringContaining("spec.a: Too long"),
      expect.any(String),
    ]);
    expect(refusals(schema, { rule: -2 }, old)).toEqual(["spec.rule: Invalid value: -2: failed rule: self > 0"]);
  });

  it("finds the past of an item by its keys", () => {
    const items: JsonSchema = {
      type: "object",
      properties: {
        name: { type: "string" },
        value: { type: "integer", "x-kubernetes-validations": [{ rule: "self >= oldSelf", message: "grows" }] },
      },
    };
    const list: JsonSchema = {
      type: "array",
      items,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    };
    const old = [
      { name: "a", value: 1 },
      { name: "b", value: 5 },
    ];
    expect(
      refusals(
        list,
        [
          { name: "b", value: 4 },
          { name: "a", value: 2 },
          { name: "c", value: 0 },
        ],
        old,
      ),
    ).toEqual(["spec[0].value: Invalid value: 4: grows"]);
  });
});

describe("rules", () => {
  it.each([
    ["self.ip == '10.0.0.1' && ip(self.ip).isGlobalUnicast()", { ip: "10.0.0.1" }, []],
    ["cidr(self.ip).containsIP('10.0.0.9') && cidr(self.ip).ip().family() == 4", { ip: "10.0.0.1/24" }, []],
    [
      "cidr('10.0.0.0/8').containsCIDR(self.ip) && string(cidr(self.ip).masked()) == '10.1.0.0/16'",
      { ip: "10.1.2.3/16" },
      [],
    ],
    ["!isIP(self.ip) && !isCIDR(self.ip + '/96')", { ip: "::ffff:10.0.0.1" }, []],
    [
      "self.at > timestamp('2026-01-01T00:00:00Z') && self.every == duration('90s')",
      { at: "2026-01-02T03:04:05Z", every: "1m30s" },
      [],
    ],
    ["self.ratio > 1.5 && self.count + 1 == 3", { ratio: 2, count: 2 }, []],
    ["self.__namespace__ == 'x' && self.a__dash__b == 'y'", { namespace: "x", "a-b": "y" }, []],
    ["self.count > 1", {}, ['spec: Invalid value: "object": no such key: count evaluating rule: self.count > 1']],
    ["false", {}, ["spec: Invalid value: failed rule: false"]],
  ])("%s", (rule, spec, expected) => {
    const text = { type: "string" };
    const schema: JsonSchema = {
      type: "object",
      properties: {
        ip: text,
        at: { type: "string", format: "date-time" },
        every: { type: "string", format: "duration" },
        ratio: { type: "number" },
        count: { type: "integer" },
        namespace: text,
        "a-b": text,
      },
      "x-kubernetes-validations": [{ rule }],
    };
    expect(refusals(schema, spec)).toEqual(expected);
  });
});

it("prunes to the schema and tells what went", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: { a: { type: "string" }, open: { type: "object", additionalProperties: true } },
      },
    },
  };
  const unknown: string[] = [];
  const kept = { apiVersion: "v", kind: "k", metadata: { x: 1 }, spec: { a: "1", open: { y: { z: 1 } } } };
  expect(pruned(schema, { ...kept, status: 1, spec: { ...kept.spec, b: 2 } }, unknown)).toEqual(kept);
  expect(unknown).toEqual(["status", "spec.b"].toSorted());
});

it("fills in defaults within defaults, and in the place of nulls that may not be", () => {
  const inner: JsonSchema = { type: "object", default: {}, properties: { a: { type: "integer", default: 1 } } };
  const value = { list: [{ a: null }, {}], map: { x: {}, y: null } };
  applySchemaDefaults(
    {
      properties: {
        deep: inner,
        list: { type: "array", items: inner },
        map: { type: "object", additionalProperties: { type: "object" } },
      },
    },
    value,
  );
  expect(value).toEqual({ deep: { a: 1 }, list: [{ a: 1 }, { a: 1 }], map: { x: {} } });
});

it.each([
  [".spec.a", 1],
  [".spec.list[1].name", "y"],
  [".spec.list[-1].name", "y"],
  ['.spec.list[?(@.name=="y")].size', 2],
  [".spec['a.b']", 3],
  [".spec.a\\.b", 3],
  [".spec.list[*].name", "x"],
  [".spec.none.at.all", undefined],
])("follows %s", (text, expected) => {
  const spec = { a: 1, "a.b": 3, list: [{ name: "x" }, { name: "y", size: 2 }] };
  expect(firstAt(parseJsonPath(text) ?? [], object(spec))).toBe(expected);
});

it.each(["spec", ".spec[", "", ".spec[?(@.a)]"])("takes %j for no path", (text) => {
  expect(parseJsonPath(text)).toBeUndefined();
});

it("shows nothing where a value does not have the type of its column", () => {
  const types = ["string", "integer", "number", "boolean", "date"];
  const columns = customColumns(types.map((type) => ({ name: type, type, jsonPath: `.spec.${type}` })));
  const wrong = { string: { a: 1 }, integer: "1", number: "1", boolean: "true", date: "soon" };
  expect(columns.cells(object(wrong), 0)).toEqual(["a", '{"a":1}', null, null, null, "<invalid>"]);
});

it.each([
  ["date", "2026-02-29", false],
  ["date-time", "2026-01-02T03:04:05.5+01:00", true],
  ["date-time", "2026-01-02", false],
  ["duration", "1h30m", true],
  ["duration", "3 days", true],
  ["hostname", "a-.b", false],
  ["ipv6", "::1", true],
  ["mac", "01:23:45:67:89:ab", true],
  ["uri", "https://example.com/x", true],
  ["uuid4", "8e65fb2a-0000-1000-8000-000000000000", false],
  ["something", "else", true],
])("knows by the format %s that %s is %s", (format, text, expected) => {
  expect(hasFormat(format, text)).toBe(expected);
});
