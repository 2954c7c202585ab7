import { expect, it } from "vitest";
import { PlannerBed } from "../testing/bed.ts";
import { desiredLb, id, node } from "../testing/values.ts";

const key = { kind: "members", id } as const;
const lb = desiredLb({ externalTrafficPolicy: "Local" });
const many = Array.from({ length: 1001 }, (_, i) => node(`n${i}`, "b", `10.0.${i >> 8}.${i & 255}`));

it("attaches no more endpoints at once than a request takes, and detaches only after that", () => {
  const bed = new PlannerBed();
  bed.converge({ lb, nodes: many.slice(0, 1) });
  const plan = bed.plan(key, { lb, nodes: many.slice(1) });
  expect(plan.steps.map(({ id, dependsOn, input }) => [id.split(" ")[0], dependsOn.length, sizeOf(input)])).toEqual([
    ["attach", 0, 500],
    ["attach", 0, 500],
    ["detach", 2, 1],
  ]);
});

it("adds the machine again that has been made anew under its name", () => {
  const bed = new PlannerBed();
  const nodes = many.slice(0, 3);
  bed.converge({ lb, nodes });
  // Google Cloud takes a deleted machine out of its groups.
  for (const [link, there] of bed.region.endpoints) bed.region.endpoints.set(link, there.slice(1));
  expect(bed.plan(key, { lb, nodes }).steps.map(({ id, input }) => [id.split(" ")[0], sizeOf(input)])).toEqual([
    ["attach", 1],
  ]);
});

it("waits with its groups until the backend service has let go of them", () => {
  const bed = new PlannerBed();
  bed.converge({ lb, nodes: many.slice(0, 1) });
  expect(bed.plan(key, null)).toMatchObject({ steps: [], waits: [{ on: { kind: "service", id } }] });
  bed.converge(null);
  expect(bed.region.all("endpointGroup")).toEqual([]);
});

function sizeOf(input: unknown): number {
  return (input as { readonly endpoints: readonly unknown[] }).endpoints.length;
}
