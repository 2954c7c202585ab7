import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoadBalancerClass, LoadBalancerClassSpec } from "../../api/index.ts";
import { plainClasses } from "../../model/index.ts";
import { classesFrom } from "./classes-from.ts";

const flags = plainClasses(
  new Map([
    ["proxy", "berth.dev/proxy"],
    ["node", "berth.dev/node"],
  ]),
  "proxy",
);

/** `age`: the year in which it was made; the older one is the smaller. */
function object(name: string, spec: Partial<LoadBalancerClassSpec>, age = 1): LoadBalancerClass {
  return {
    metadata: { name, uid: `uid-${name}`, creationTimestamp: `200${age}-01-01T00:00:00Z` },
    spec: { loadBalancerClass: "example.com/a", ...spec },
  };
}

/** `class provider`, then `- provider` of Services without a class, then verdicts. */
function told(...objects: readonly LoadBalancerClass[]): readonly string[] {
  const { classes, verdicts } = classesFrom(flags, objects);
  return [
    ...[...classes.byClass].map(([name, { provider }]) => `${name} ${provider}`).sort(),
    `- ${classes.unclassed === undefined ? "nobody" : `${classes.unclassed.provider} ${classes.unclassed.loadBalancerClass}`}`,
    ...[...verdicts].map(([name, { status, reason }]) => `${name}: ${status} ${reason}`).sort(),
  ];
}

const ofFlags = ["berth.dev/node node", "berth.dev/proxy proxy"];
const unclassed = "- proxy berth.dev/proxy";

describe("flags and objects together", () => {
  it.each<[string, LoadBalancerClass[], string[]]>([
    ["no object", [], [...ofFlags, unclassed]],
    [
      "several classes of one provider",
      [object("a", { proxy: {} }), object("b", { proxy: {}, loadBalancerClass: "example.com/b" })],
      [...ofFlags, "example.com/a proxy", "example.com/b proxy", unclassed, "a: true Accepted", "b: true Accepted"],
    ],
    [
      "a provider that does not run here: its class is none of ours, and nothing is said",
      [object("a", { l2: {} })],
      [...ofFlags, unclassed],
    ],
    [
      "an object for the class of a flag wins over the flag",
      [object("a", { node: {}, loadBalancerClass: "berth.dev/proxy" })],
      ["berth.dev/node node", "berth.dev/proxy node", unclassed, "a: true Accepted"],
    ],
    [
      "an object of another instance takes the class of a flag away",
      [object("a", { l2: {}, loadBalancerClass: "berth.dev/proxy" })],
      ["berth.dev/node node", unclassed],
    ],
    [
      "two objects for one class: the older wins",
      [object("young", { proxy: {} }, 2), object("old", { node: {} }, 1)],
      [...ofFlags, "example.com/a node", unclassed, "old: true Accepted", "young: false Conflict"],
    ],
    [
      "two objects for one class, the older of another instance",
      [object("young", { proxy: {} }, 2), object("old", { l2: {} }, 1)],
      [...ofFlags, unclassed, "young: false Conflict"],
    ],
    [
      "two objects of the same age: the UID decides",
      [object("b", { proxy: {} }), object("a", { node: {} })],
      [...ofFlags, "example.com/a node", unclassed, "a: true Accepted", "b: false Conflict"],
    ],
    [
      "a default object wins over --own-unclassed",
      [object("a", { node: {}, isDefault: true })],
      [...ofFlags, "example.com/a node", "- node example.com/a", "a: true Accepted"],
    ],
    [
      "a default object of another instance takes them away",
      [object("a", { l2: {}, isDefault: true })],
      [...ofFlags, "- nobody"],
    ],
    [
      "two defaults: the older, the other serves its class",
      [
        object("young", { proxy: {}, isDefault: true }, 2),
        object("old", { node: {}, isDefault: true, loadBalancerClass: "example.com/b" }, 1),
      ],
      [
        ...ofFlags,
        "example.com/a proxy",
        "example.com/b node",
        "- node example.com/b",
        "old: true Accepted",
        "young: true DefaultConflict",
      ],
    ],
    [
      "a default that loses its class is no default",
      [object("old", { proxy: {} }, 1), object("young", { node: {}, isDefault: true }, 2)],
      [...ofFlags, "example.com/a proxy", unclassed, "old: true Accepted", "young: false Conflict"],
    ],
    [
      "no provider or two: nothing is claimed by it",
      [object("none", {}), object("both", { proxy: {}, node: {}, isDefault: true })],
      [...ofFlags, unclassed, "both: false Invalid"],
    ],
    ["no class", [object("a", { proxy: {}, loadBalancerClass: "plain" })], [...ofFlags, unclassed, "a: false Invalid"]],
  ])("%s", (_, objects, expected) => {
    expect(told(...objects)).toEqual(expected);
  });

  it("hands on what a class says to its provider alone", () => {
    const { classes } = classesFrom({ ...flags, providers: ["gcp-l4"] }, [
      object("a", { gcpL4: { nodeTags: ["node"], disableFirewalls: false } }),
      object("b", { gcpL4: {}, loadBalancerClass: "example.com/b" }),
    ]);
    expect(classes.byClass.get("example.com/a")).toMatchObject({
      parameters: { gcpL4: { nodeTags: ["node"], disableFirewalls: false } },
    });
    expect(classes.byClass.get("example.com/b")).not.toHaveProperty("parameters");
  });

  it("--own-unclassed takes what an object says of its class", () => {
    const { classes } = classesFrom(flags, [
      object("a", { proxy: {}, loadBalancerClass: "berth.dev/proxy", deletionPolicy: "Retain" }),
    ]);
    expect(classes.unclassed).toEqual({
      provider: "proxy",
      loadBalancerClass: "berth.dev/proxy",
      deletionPolicy: "Retain",
    });
  });

  it("carries what other parts of the controller need, and no provider block", () => {
    const rest: Partial<LoadBalancerClassSpec> = {
      defaults: { "x/y": "z" },
      nodeSelector: { matchLabels: { tier: "edge" } },
      nodePorts: { policy: "Ensure", band: { from: 31_000, to: 31_999 } },
      schemes: ["internal"],
      limits: { total: 3 },
    };
    const { classes } = classesFrom(flags, [object("a", { proxy: { any: 1 }, isDefault: false, ...rest })]);
    expect(classes.byClass.get("example.com/a")).toEqual({
      provider: "proxy",
      loadBalancerClass: "example.com/a",
      deletionPolicy: "Delete",
      ...rest,
    });
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a text", "proxy"],
    ["a list", [{ proxy: {} }]],
    ["fields of other types", { proxy: 1, loadBalancerClass: 5, allowedOverrides: 5, limits: "x" }],
    ["of values of other types", { proxy: {}, loadBalancerClass: "example.com/a", defaults: { a: 1 }, schemes: {} }],
  ])("a spec that is %s claims nothing, and throws nothing", (_, spec) => {
    const { classes } = classesFrom(flags, [{ metadata: { name: "a" }, spec } as LoadBalancerClass]);
    expect(classes).toEqual(flags);
  });

  it("tells of annotations that mean nothing in a class, with those that may be meant", () => {
    const defaults = { "berth.dev/shceme": "internal", "berth.dev/source-ranges-on-node-ports": "true", "x/y": "" };
    const allowedOverrides = ["berth.dev/pasued", "berth.dev/paused", "berth.dev/source-ranges-on-node-ports", "x/y"];
    const { classes, verdicts } = classesFrom(flags, [object("a", { proxy: {}, defaults, allowedOverrides })]);
    expect(classes.byClass.has("example.com/a")).toBe(true);
    expect(verdicts.get("a")).toEqual({
      status: true,
      reason: "UnknownAnnotation",
      provider: "proxy",
      message: `Services of this class are served, but ${[
        "spec.defaults[berth.dev/shceme]: it means nothing to Berth; berth.dev/scheme may be meant",
        "spec.defaults[berth.dev/source-ranges-on-node-ports]: agents read it from Services alone; set it there",
        "spec.allowedOverrides[berth.dev/pasued]: it means nothing to Berth; berth.dev/paused may be meant",
      ].join("; ")}`,
    });
  });

  it("names the other object and the remedy", () => {
    const { verdicts } = classesFrom(flags, [object("young", { proxy: {} }, 2), object("old", { proxy: {} }, 1)]);
    expect(verdicts.get("young")?.message).toBe(
      "the older LoadBalancerClass old is example.com/a already; delete one of the two, or make this one anew with another class",
    );
  });
});

const block = fc.constantFrom("proxy", "node", "l2", "bgp");
const objects = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    age: fc.integer({ min: 1, max: 3 }),
    blocks: fc.uniqueArray(block, { maxLength: 2 }),
    loadBalancerClass: fc.constantFrom("berth.dev/proxy", "berth.dev/node", "x.org/a", "x.org/b", "bad"),
    isDefault: fc.boolean(),
  }),
  { selector: ({ name }) => name },
);

it("every class has one owner among all instances, in whatever order objects come", () => {
  fc.assert(
    fc.property(objects, fc.func(fc.nat()), (found, shuffle) => {
      const all = found.map(({ name, age, blocks, ...spec }) =>
        object(name, { ...spec, ...Object.fromEntries(blocks.map((key) => [key, {}])) }, age),
      );
      const instances = [flags, plainClasses(new Map([["l2", "berth.dev/l2"]]), undefined)];
      const merged = instances.map((each) => classesFrom(each, all));
      const shuffled = all.toSorted((a, b) => shuffle(a.metadata.name) - shuffle(b.metadata.name));
      expect(instances.map((each) => classesFrom(each, shuffled).classes)).toEqual(
        merged.map(({ classes }) => classes),
      );
      const owned = merged.flatMap(({ classes }) => [...classes.byClass.keys()]);
      expect(new Set(owned).size).toBe(owned.length);
      expect(merged.filter(({ classes }) => classes.unclassed !== undefined).length).toBeLessThanOrEqual(1);
      for (const { verdicts } of merged)
        for (const { reason, message } of verdicts.values()) expect(reason !== "" && message !== "").toBe(true);
    }),
  );
});
