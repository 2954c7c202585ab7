import fc from "fast-check";
import { expect, it } from "vitest";
import type { NodeTarget } from "../../../src/model/index.ts";
import { desiredLb, node, settings } from "../testing/values.ts";
import { chosenMachines, machinesOf } from "./machines.ts";

it.each<[string, Partial<NodeTarget>]>([
  ["no providerID", { providerId: "" }],
  ["a providerID of another cloud", { providerId: "aws:///eu-west-1a/i-1" }],
  ["another project", { providerId: "gce://other/europe-west1-b/n1" }],
  ["another region", { providerId: "gce://shop/europe-west10-b/n1" }],
  ["no zone", { providerId: "gce://shop//n1" }],
  ["a region instead of a zone", { providerId: "gce://shop/europe-west1/n1" }],
])("takes no node with %s", (_, changes) => {
  expect(machinesOf([{ ...node("n1", "b", "10.0.0.1"), ...changes }], settings)).toEqual([]);
});

it("reads the machine from the providerID, whatever the node and its zone label are called", () => {
  const target = { ...node("n1", "b", "10.0.0.1"), name: "other", zone: "zone" };
  expect(machinesOf([target], settings)).toEqual([{ zone: "europe-west1-b", instance: "n1" }]);
});

const many = Array.from({ length: 3100 }, (_, i) => node(`n${i}`, "bcd".charAt(i % 3), `10.0.${i >> 8}.${i & 255}`));

it.each([
  ["inside, Cluster", true, "Cluster", 25],
  ["inside, Local", true, "Local", 250],
  ["outside, Cluster", false, "Cluster", 250],
  ["outside, Local", false, "Local", 3000],
] as const)(
  "gives a load balancer %s as many machines as it may have, from all zones alike",
  (_, isInternal, policy, max) => {
    const machines = chosenMachines(desiredLb({ externalTrafficPolicy: policy }), isInternal, many, settings);
    expect(machines.length).toBe(max);
    const sizes = [...Map.groupBy(machines, ({ zone }) => zone).values()].map(({ length }) => length);
    expect(sizes.length).toBe(3);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  },
);

it("moves few machines when a node goes, and fills its place", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99 }), (gone) => {
      const nodes = many.slice(0, 100);
      const lb = desiredLb();
      const namesOf = (all: readonly NodeTarget[]): readonly string[] =>
        chosenMachines(lb, true, all, settings).map(({ instance }) => instance);
      const [before, after] = [namesOf(nodes), namesOf(nodes.toSpliced(gone, 1))];
      expect(after.length).toBe(25);
      expect(after.filter((name) => !before.includes(name)).length).toBeLessThanOrEqual(2);
    }),
  );
});
