import fc from "fast-check";
import { expect, it } from "vitest";
import type { NodeTarget } from "../../../src/model/index.ts";
import { PlannerBed } from "../testing/bed.ts";
import { settings as defaults, desiredLb, id, node } from "../testing/values.ts";
import { sharedKey } from "./shared.ts";

const settings = { ...defaults, backends: "instance-groups" } as const;
const key = sharedKey(id.clusterId, "instance-groups");
const lb = desiredLb();
const many = Array.from({ length: 1200 }, (_, i) => node(`n${i}`, "b", `10.0.${i >> 8}.${i & 255}`));

function stepsOf(bed: PlannerBed, nodes: readonly NodeTarget[]): readonly (readonly [string, number, number])[] {
  return bed
    .plan(key, { lb, nodes })
    .steps.map(({ id, dependsOn, input }) => [id.split(" ")[0] ?? "", dependsOn.length, sizeOf(input)] as const);
}

it("adds before it takes out, and the other way round where the group has no room", () => {
  const bed = new PlannerBed({ settings });
  bed.converge({ lb, nodes: many.slice(0, 900) });
  expect(stepsOf(bed, many.slice(50, 950))).toEqual([
    ["attach", 0, 50],
    ["detach", 1, 50],
  ]);
  expect(stepsOf(bed, many.slice(150, 1050))).toEqual([
    ["detach", 0, 150],
    ["attach", 1, 150],
  ]);
  bed.converge({ lb, nodes: many.slice(150, 1050) });
  expect(bed.open({ lb, nodes: many.slice(150, 1050) })).toEqual([]);
});

it("moves few machines where there are more than a group takes, and fills the place of one that goes", () => {
  const bed = new PlannerBed({ settings });
  bed.converge({ lb, nodes: many });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: many.length - 1 }), (gone) => {
      const moved = stepsOf(bed, many.toSpliced(gone, 1)).map(([, , size]) => size);
      expect(moved.length === 0 || (moved.length === 2 && moved.every((size) => size === 1))).toBe(true);
    }),
    { numRuns: 10 },
  );
});

it("waits with its load balancer for the first machine of a group, as nothing can refer to an empty one", () => {
  const bed = new PlannerBed({ settings });
  const nodes = many.slice(0, 1);
  for (const { input } of bed.plan(sharedKey(id.clusterId), { lb, nodes }).steps) bed.region.commit(input as never);
  const [make] = bed.plan(key, { lb, nodes }).steps;
  bed.region.commit(make?.input as never);
  expect(bed.plan({ kind: "service", id }, { lb, nodes }).waits).toMatchObject([
    { what: "its nodes in europe-west1-b have no group yet", on: key },
  ]);
});

it("makes no groups of its own beside", () => {
  const bed = new PlannerBed({ settings });
  bed.converge({ lb, nodes: many.slice(0, 3) });
  expect(bed.region.all("endpointGroup")).toEqual([]);
  bed.reset({ backends: "endpoint-groups" });
  bed.converge({ lb, nodes: many.slice(0, 3) });
  expect(bed.region.all("endpointGroup")).toHaveLength(1);
  bed.reset({ backends: "instance-groups" });
  bed.converge({ lb, nodes: many.slice(0, 3) });
  expect(bed.region.all("endpointGroup")).toEqual([]);
});

function sizeOf(input: unknown): number {
  return (input as { readonly endpoints?: readonly unknown[] }).endpoints?.length ?? 0;
}
