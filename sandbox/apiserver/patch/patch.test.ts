import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonMap } from "../object.ts";
import { Schemas } from "../schema.ts";
import { patched, patchTypes } from "./index.ts";
import { mergePatch } from "./merge.ts";

const schemas = Schemas.load();
const service = "io.k8s.api.core.v1.Service";

function strategic(target: JsonMap, patch: JsonMap): unknown {
  return patched(schemas, service, target, patch, patchTypes.strategic);
}

function ports(...numbers: readonly number[]): JsonMap {
  return { spec: { ports: numbers.map((port) => ({ port })) } };
}

describe("strategic merge patch", () => {
  it.each<[string, JsonMap, JsonMap, JsonMap]>([
    [
      "merges lists by key",
      ports(80, 81),
      { spec: { ports: [{ port: 81, name: "b" }] } },
      { spec: { ports: [{ port: 80 }, { port: 81, name: "b" }] } },
    ],
    ["puts what is new first", ports(80), ports(81), ports(81, 80)],
    ["orders what the patch names", ports(80, 81), ports(81, 80), ports(81, 80)],
    ["deletes by key", ports(80, 81), { spec: { ports: [{ port: 80, $patch: "delete" }] } }, ports(81)],
    ["replaces a list", ports(80, 81), { spec: { ports: [{ port: 82 }, { $patch: "replace" }] } }, ports(82)],
    [
      "removes with null",
      { spec: { type: "a", clusterIP: "b" } },
      { spec: { type: null } },
      { spec: { clusterIP: "b" } },
    ],
    [
      "replaces a map",
      { metadata: { labels: { a: "1" } } },
      { metadata: { labels: { $patch: "replace", b: "2" } } },
      { metadata: { labels: { b: "2" } } },
    ],
    [
      "adds to a set",
      { metadata: { finalizers: ["x/a"] } },
      { metadata: { finalizers: ["x/b"] } },
      { metadata: { finalizers: ["x/b", "x/a"] } },
    ],
    [
      "takes from a set",
      { metadata: { finalizers: ["x/a", "x/b"] } },
      { metadata: { "$deleteFromPrimitiveList/finalizers": ["x/a"] } },
      { metadata: { finalizers: ["x/b"] } },
    ],
    [
      "replaces an atomic list",
      { spec: { externalIPs: ["1.1.1.1"] } },
      { spec: { externalIPs: ["2.2.2.2"] } },
      { spec: { externalIPs: ["2.2.2.2"] } },
    ],
    [
      "orders by directive",
      ports(80, 81, 82),
      { spec: { "$setElementOrder/ports": [{ port: 82 }, { port: 80 }] } },
      ports(81, 82, 80),
    ],
    [
      "puts what is new where upstream puts it: among the others, at the place of what was deleted",
      ports(53, 80, 23, 9000),
      {
        spec: {
          ports: [{ port: 443 }, { port: 53, $patch: "delete" }],
          "$setElementOrder/ports": [{ port: 80 }, { port: 443 }, { port: 9000 }, { port: 53 }],
        },
      },
      ports(80, 23, 443, 9000),
    ],
    [
      "keeps two of one key together",
      { spec: { ports: [{ port: 53, name: "a" }, { port: 80 }, { port: 53, name: "b" }] } },
      ports(443),
      { spec: { ports: [{ port: 443 }, { port: 53, name: "a" }, { port: 53, name: "b" }, { port: 80 }] } },
    ],
    [
      "retains keys",
      { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 }, other: 1 } } },
      { spec: { sessionAffinityConfig: { $retainKeys: ["clientIP"] } } },
      { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } } },
    ],
    [
      "takes a new list as it is",
      {},
      { spec: { ports: [{ port: 53, protocol: "UDP" }, { port: 53 }] } },
      { spec: { ports: [{ port: 53, protocol: "UDP" }, { port: 53 }] } },
    ],
    [
      "merges conditions by type",
      { status: { conditions: [{ type: "A", status: "True" }] } },
      { status: { conditions: [{ type: "A", status: "False" }] } },
      { status: { conditions: [{ type: "A", status: "False" }] } },
    ],
  ])("%s", (_, target, patch, expected) => {
    const before = structuredClone(target);
    expect(strategic(target, patch)).toEqual(expected);
    expect(target).toEqual(before);
  });

  it.each<[string, JsonMap, string]>([
    ["a directive that nobody knows", { spec: { $patch: "upset" } }, "Unknown patch type found: upset"],
    ["an item without its key", { spec: { ports: [{ name: "a" }] } }, "does not contain declared merge key: port"],
    [
      "a list that is to be merged by directive",
      { spec: { ports: [{ port: 80, $patch: "merge" }] } },
      "merging lists cannot yet be specified in the patch",
    ],
    [
      "another order than it demands",
      {
        spec: {
          ports: [{ port: 80 }, { port: 81, name: null }],
          "$setElementOrder/ports": [{ port: 81 }, { port: 80 }],
        },
      },
      "The order in patch list:\n[map[port:80] map[name:<nil> port:81]]\n doesn't match $setElementOrder list:\n[map[port:81] map[port:80]]\n",
    ],
    ["items that are none", { spec: { ports: ["x"] } }, "list element types are not identical: [[map[port:80]] [x]]"],
  ])("refuses %s", (_, patch, message) => expect(() => strategic(ports(80), patch)).toThrow(message));

  it("keeps every port once, the patched ones in the order of the patch", () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 10 });
    fc.assert(
      fc.property(numbers, numbers, (before, wanted) => {
        const { spec } = strategic(ports(...before), ports(...wanted)) as { spec: { ports?: { port: number }[] } };
        const result = (spec.ports ?? []).map(({ port }) => port);
        expect(result).toHaveLength(new Set(result).size);
        expect(new Set(result)).toEqual(new Set([...before, ...wanted]));
        expect(result.filter((port) => wanted.includes(port))).toEqual(wanted);
        const others = before.filter((port) => !wanted.includes(port));
        expect(result.filter((port) => others.includes(port))).toEqual(others);
        expect(strategic(strategic(ports(...before), ports(...wanted)) as JsonMap, ports(...wanted))).toEqual(
          strategic(ports(...before), ports(...wanted)),
        );
      }),
    );
  });
});

describe("JSON patch", () => {
  it("adds a member that it is to replace, as Go's library does, but no item of a list", () => {
    const replace = (path: string): unknown =>
      patched(schemas, service, ports(80), [{ op: "replace", path, value: "a" }], patchTypes.json);
    expect(replace("/spec/ports/0/name")).toEqual({ spec: { ports: [{ port: 80, name: "a" }] } });
    expect(() => replace("/spec/ports/1")).toThrow("the server rejected our request");
    expect(() => replace("/spec/nothing/deep")).toThrow("the server rejected our request");
  });
});

describe("merge patch", () => {
  const value = fc.letrec((tie) => ({
    map: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("any"), { maxKeys: 3 }),
    any: fc.oneof({ depthSize: "small" }, fc.integer(), fc.string(), fc.array(fc.integer()), tie("map")),
  })).map;

  /** The patch that turns one document into another, neither holding null. */
  function difference(from: JsonMap, to: JsonMap): JsonMap {
    const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
    const kept = Object.entries(to).map(([key, next]) => {
      const before = from[key];
      const isMaps = [before, next].every((each) => typeof each === "object" && each !== null && !Array.isArray(each));
      return [key, isMaps ? difference(before as JsonMap, next as JsonMap) : next];
    });
    return Object.fromEntries([...gone.map((key) => [key, null]), ...kept]);
  }

  it("applies the difference of two documents", () => {
    fc.assert(
      fc.property(value, value, (from, to) => {
        expect(mergePatch(from, difference(from as JsonMap, to as JsonMap))).toEqual(to);
      }),
    );
  });

  it("drops nulls that stand in what is new", () => {
    expect(mergePatch({}, { a: { b: null, c: 1 } })).toEqual({ a: { c: 1 } });
  });
});

describe("JSON patch", () => {
  it("applies operations to a copy", () => {
    const target = { a: [1] };
    const patch = [{ op: "add", path: "/a/-", value: 2 }];
    expect(patched(schemas, service, target, patch, patchTypes.json)).toEqual({ a: [1, 2] });
    expect(target).toEqual({ a: [1] });
  });

  it.each([
    ["a failed test", [{ op: "test", path: "/a", value: 2 }], 422],
    ["a path to nothing", [{ op: "remove", path: "/b" }], 422],
    ["no list", { op: "remove" }, 400],
    ["no operation", [{ op: "upset", path: "/a" }], 400],
  ])("refuses %s", (_, patch, code) => {
    expect(() => patched(schemas, service, { a: 1 }, patch, patchTypes.json)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
