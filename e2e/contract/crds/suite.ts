import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { poolSchema } from "../../../src/api/schemas/ip-address-pool.ts";
import { classSchema } from "../../../src/api/schemas/load-balancer-class.ts";
import { parseWith } from "../../../src/api/schemas/parsed.ts";
import { commands, examples } from "../../../src/api/schemas/testing/guide.ts";
import { randomObjects } from "../../../src/api/schemas/testing/random-objects.ts";
import { recordSchema } from "../../../src/api/schemas/testing/record-schema.ts";
import { definitions, fineObject, ruleCases } from "../../../src/api/schemas/testing/rule-cases.ts";
import type { Target } from "../target.ts";
import { type Outcome, Stage, type StoredObject } from "./stage.ts";

const schemas: readonly (readonly [string, z.ZodType<StoredObject>])[] = [
  ["LoadBalancerClass", classSchema],
  ["IPAddressPool", poolSchema],
  ["LoadBalancerRecord", recordSchema],
];

/** What the controller would have found of the guide's examples. */
const statuses: Readonly<Record<string, object>> = {
  LoadBalancerClass: {
    provider: "proxy",
    conditions: [
      {
        type: "Accepted",
        status: "True",
        reason: "Accepted",
        message: "Services of this class are served",
        lastTransitionTime: "2026-11-27T22:08:41Z",
      },
    ],
  },
  IPAddressPool: { used: 2, free: "18446744073709551749" },
};

const apply = ["apply", "--validate=strict", "--filename=-"];
const runs = 300;

/** The tests that hold an API server to the chart's definitions: it serves the kinds with rules, defaults and columns. */
export function servesOurKinds(target: Target): void {
  describe(`${target.name} serves our kinds`, () => {
    let stage: Stage;
    let said = "";

    beforeAll(async () => {
      stage = await Stage.open(target);
      said = await stage.define();
    });
    afterAll(() => stage[Symbol.asyncDispose]());

    it("takes the definitions without a word against them", async () => {
      const expected = [...definitions.values()].map(
        ({ metadata }) => `customresourcedefinition.apiextensions.k8s.io/${metadata.name} created`,
      );
      expect(said.trim().split("\n").toSorted()).toEqual(expected.toSorted());
      for (const definition of definitions.values())
        expect(await stage.conditions(definition)).toEqual(["Established=True", "NamesAccepted=True"]);
    });

    it.each(ruleCases)("$rule ($kind $at)", async ({ kind, before, accepted, refused, path, message = "" }) => {
      await using made = before === undefined ? undefined : await stage.made(kind, before);
      const write = (object: object): Promise<Outcome> =>
        made === undefined ? stage.tryMake(kind, object) : stage.tryReplace(kind, made.stored, object);
      expect(await write(accepted)).toHaveProperty("stored");
      const cause = { field: path, message: expect.stringContaining(message) };
      expect(await write(refused)).toEqual({ causes: expect.arrayContaining([expect.objectContaining(cause)]) });
    });

    // That of a Record is empty.
    it.each(schemas.slice(0, 2))("makes of the spec of any %s what zod makes of it", async (kind, schema) => {
      await compare(randomObjects(kind, ["spec"]), "spec", schema, (object) => stage.tryMake(kind, object));
    });

    it.each(schemas)("makes of the status of any %s what zod makes of it", async (kind, schema) => {
      await using made = await stage.made(kind);
      const objects = randomObjects(kind, ["status"]).map((object) => ({ ...fineObject(kind), ...object }));
      await compare(objects, "status", schema, (object) => stage.tryReplace(kind, made.stored, object, "/status"));
    });

    it("shows the guide's examples as the guide does", async () => {
      for (const example of examples) {
        const manifest = JSON.stringify(example);
        expect(await stage.kubectl(apply, manifest)).toContain("created");
        const status = example.status ?? statuses[example.kind];
        const at = `${example.kind.toLowerCase()}/${example.metadata.name}`;
        await stage.kubectl([
          "patch",
          at,
          "--subresource=status",
          "--type=merge",
          `--patch=${JSON.stringify({ status })}`,
        ]);
      }
      for (const { command, output } of commands)
        expect(ageless(await stage.kubectl(command.split(" ")))).toBe(ageless(output));
      const names = await stage.kubectl(["get", "loadbalancing", "--output=name"]);
      expect(names.trim().split("\n").toSorted()).toEqual([
        "ipaddresspool.berth.dev/office",
        "loadbalancerclass.berth.dev/internal",
        "loadbalancerrecord.berth.dev/web",
      ]);
      expect(await stage.kubectl(["get", "lbr", "--output=wide"])).toMatch(
        /PLAN +REFERENCES.*\n.*update targets: 1 added/,
      );
    });

    it("explains a field, and tells of one that nobody knows", async () => {
      expect(await stage.kubectl(["explain", "loadbalancerclass.spec.limits.total"])).toContain("Default no limit.");
      const object = { ...fineObject("IPAddressPool"), spec: { ranges: ["192.0.2.0/24"], colour: "red" } };
      const answer = await stage.kubectl(apply, JSON.stringify(object));
      expect(answer).toContain('unknown field "spec.colour"');
    });
  });
}

/** Random objects, some of which are refused: the API server stores of a part what zod gives, or both refuse. */
async function compare(
  objects: fc.Arbitrary<object>,
  part: "spec" | "status",
  schema: z.ZodType<StoredObject>,
  write: (object: object) => Promise<Outcome>,
): Promise<void> {
  const seen = { accepted: 0, refused: 0 };
  for (const object of fc.sample(objects, { seed: 1, numRuns: runs })) {
    const parsed = parseWith(schema, object);
    const value = "value" in parsed ? parsed.value : undefined;
    const outcome = await write(object);
    const stored = "stored" in outcome ? outcome.stored : undefined;
    seen[stored === undefined ? "refused" : "accepted"]++;
    const why = JSON.stringify({ object, outcome });
    expect([stored !== undefined, stored?.[part]], why).toEqual([value !== undefined, value?.[part]]);
  }
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(runs / 20);
}

/** A table without its last column, however wide the others are. */
function ageless(table: string): string {
  return table
    .replaceAll(/ +\S+ *$/gm, "")
    .replaceAll(/ {2,}/g, "  ")
    .trim();
}
