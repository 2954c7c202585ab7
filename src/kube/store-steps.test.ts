import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { nullLogger } from "../telemetry/index.ts";
import { type KubeObject, Store } from "./index.ts";

function thing(name: string, version: number): KubeObject {
  return { metadata: { namespace: "ns", name, uid: `uid-${name}`, resourceVersion: String(version) } };
}

function setUp(): { store: Store<KubeObject>; seen: string[] } {
  const store = new Store<KubeObject>({ kind: "Thing", logger: nullLogger, metrics: new Registry() });
  const seen: string[] = [];
  store.replace([thing("a", 10), thing("b", 10), thing("c", 10)], "20");
  store.subscribe({
    add: ({ metadata }, initial) => seen.push(`${initial ? "initial" : "add"} ${metadata.name}`),
    update: (_, { metadata }) => seen.push(`update ${metadata.name}@${metadata.resourceVersion}`),
    delete: ({ metadata }) => seen.push(`delete ${metadata.name}`),
  });
  seen.length = 0;
  return { store, seen };
}

it("tells of one object in each step", () => {
  const { store, seen } = setUp();
  const told: string[][] = [];
  for (const _ of store.replaceInSteps([thing("a", 10), thing("b", 21), thing("d", 22)], "30"))
    told.push(seen.splice(0));
  expect(told).toEqual([[], ["update b@21"], ["add d"], ["delete c"]]);
});

it("is synced after the last step only", () => {
  const store = new Store<KubeObject>({ kind: "Thing", logger: nullLogger, metrics: new Registry() });
  const synced: boolean[] = [];
  for (const _ of store.replaceInSteps([thing("a", 1), thing("b", 1)], "2")) synced.push(store.hasSynced);
  expect(synced).toEqual([false, false]);
  expect(store.hasSynced).toBe(true);
});

it("lets an own write hold that comes between two steps, whether the full state knows it or not", () => {
  const { store, seen } = setUp();
  const steps = store.replaceInSteps([thing("a", 25), thing("b", 10)], "30");
  steps.next();
  // The full state has this one already, and the next one not yet; the third was deleted after it was written.
  store.overlay(thing("a", 25));
  store.overlay(thing("b", 31));
  store.overlay(thing("new", 28));
  for (const _ of steps);
  expect(seen).toEqual(["update a@25", "update b@31", "add new", "delete c", "delete new"]);
  expect(store.get("ns/b")?.metadata.resourceVersion).toBe("31");
  store.apply("MODIFIED", thing("b", 31));
  store.apply("MODIFIED", thing("b", 32));
  expect(seen.slice(5)).toEqual(["update b@32"]);
});

it("leaves to the next full state what was not done when it ended early", () => {
  const { store, seen } = setUp();
  for (const _ of store.replaceInSteps([thing("a", 25), thing("b", 26)], "30")) break;
  expect(seen.splice(0)).toEqual(["update a@25"]);
  store.replace([thing("a", 25), thing("b", 27)], "40");
  expect(seen).toEqual(["update b@27", "delete c"]);
});
