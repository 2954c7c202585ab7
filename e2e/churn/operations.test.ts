import { expect, it } from "vitest";
import { operationsOf } from "./operations.ts";

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

it("does the same for the same seed, and something else for another", () => {
  const texts = seeds.map((seed) => JSON.stringify(operationsOf(seed)));
  expect(seeds.map((seed) => JSON.stringify(operationsOf(seed)))).toEqual(texts);
  expect(new Set(texts).size).toBe(seeds.length);
});

it("comes to every kind of operation", () => {
  const kinds = seeds.flatMap(operationsOf).map((each) => (each.kind === "kubectl" ? each.words[0] : each.kind));
  expect(new Set(kinds)).toEqual(
    new Set(["apply", "create", "cut", "delete", "label", "patch", "replace", "request", "scale"]),
  );
});
