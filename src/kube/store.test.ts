import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { nullLogger } from "../telemetry/index.ts";
import { type KubeObject, Store } from "./index.ts";
import { isAtLeast } from "./resource-version.ts";

interface Thing extends KubeObject {
  readonly owners?: readonly string[];
}

function thing(name: string, version: number, owners: readonly string[] = [], uid = `${name}-1`): Thing {
  return { metadata: { namespace: "ns", name, uid, resourceVersion: String(version) }, owners };
}

function setUp(): { store: Store<Thing, "owner">; seen: string[]; metrics: Registry } {
  const metrics = new Registry();
  const store = new Store<Thing, "owner">({
    kind: "Thing",
    logger: nullLogger,
    metrics,
    indexes: { owner: ({ owners = [] }) => owners },
  });
  const seen: string[] = [];
  record(store, seen);
  return { store, seen, metrics };
}

const label = ({ metadata }: Thing): string => `${metadata.name}@${metadata.resourceVersion}`;

function record(store: Store<Thing, "owner">, seen: string[]): Disposable {
  return store.subscribe({
    add: (object, initial) => seen.push(`${initial ? "initial" : "add"} ${label(object)}`),
    update: (before, after) => seen.push(`update ${label(before)} ${label(after)}`),
    delete: (last) => seen.push(`delete ${label(last)}`),
  });
}

describe("Store", () => {
  it("is synced once the first full state is in and delivered", async () => {
    const { store, seen } = setUp();
    expect(store.hasSynced).toBe(false);
    store.replace([thing("a", 1), thing("b", 2)], "5");
    expect(store.hasSynced).toBe(true);
    await store.synced;
    expect(seen).toEqual(["initial a@1", "initial b@2"]);
    expect(store.list().map(label)).toEqual(["a@1", "b@2"]);
  });

  it("delivers adds, updates with the old state, and deletes with the last", () => {
    const { store, seen } = setUp();
    store.replace([], "1");
    store.apply("ADDED", thing("a", 2));
    store.apply("MODIFIED", thing("a", 3));
    store.apply("DELETED", thing("a", 4));
    expect(seen).toEqual(["add a@2", "update a@2 a@3", "delete a@4"]);
    expect(store.get("ns/a")).toBeUndefined();
  });

  it("tells the difference when the full state comes again, and nothing when there is none", () => {
    const { store, seen } = setUp();
    store.replace([thing("a", 1), thing("b", 2), thing("c", 3)], "5");
    seen.length = 0;
    store.replace([thing("a", 1), thing("b", 7), thing("d", 8)], "9");
    expect(seen).toEqual(["update b@2 b@7", "add d@8", "delete c@3"]);
    seen.length = 0;
    store.replace([thing("a", 1), thing("b", 7), thing("d", 8)], "20");
    expect(seen).toEqual([]);
  });

  it("tells of another object under the same name as a deletion and a creation", () => {
    const { store, seen } = setUp();
    store.replace([thing("a", 1)], "1");
    store.replace([thing("a", 5, [], "a-2")], "6");
    expect(seen).toEqual(["initial a@1", "delete a@1", "add a@5"]);
  });

  it("delivers what is there to a late subscriber, until it leaves", () => {
    const { store } = setUp();
    store.replace([thing("a", 1)], "1");
    const late: string[] = [];
    const subscription = record(store, late);
    store.apply("MODIFIED", thing("a", 2));
    subscription[Symbol.dispose]();
    store.apply("MODIFIED", thing("a", 3));
    expect(late).toEqual(["initial a@1", "update a@1 a@2"]);
  });

  it("keeps a handler that throws from the others, and counts it", async () => {
    const { store, metrics } = setUp();
    store.subscribe({
      add: () => {
        throw new Error("oops");
      },
    });
    const after: string[] = [];
    record(store, after);
    store.replace([thing("a", 1), thing("b", 2)], "2");
    expect(after).toEqual(["initial a@1", "initial b@2"]);
    expect(await metrics.metrics()).toContain('kube_store_handler_failures_total{kind="Thing"} 2');
    expect(await metrics.metrics()).toContain('kube_store_objects{kind="Thing"} 2');
  });

  it("hears of a handler that is async by mistake and fails later", async () => {
    const { store, metrics, seen } = setUp();
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    // oxlint-disable-next-line typescript/no-misused-promises -- the linter is what keeps this out of our own code
    store.subscribe({ add: () => Promise.reject(new Error("oops")) });
    store.replace([thing("a", 1)], "1");
    await setImmediate();
    process.off("unhandledRejection", note);
    expect([unhandled, seen]).toEqual([[], ["initial a@1"]]);
    expect(await metrics.metrics()).toContain('kube_store_handler_failures_total{kind="Thing"} 1');
  });

  it("goes on without an index whose function throws", async () => {
    const metrics = new Registry();
    const indexes = {
      owner: ({ owners = [] }: Thing) => owners,
      broken: ({ metadata }: Thing) => {
        if (metadata.name === "bad") throw new Error("oops");
        return ["all"];
      },
    };
    const store = new Store<Thing, keyof typeof indexes>({ kind: "Thing", logger: nullLogger, metrics, indexes });
    const seen: string[] = [];
    store.subscribe({ add: (object) => seen.push(label(object)), delete: (last) => seen.push(`-${label(last)}`) });
    store.replace([thing("bad", 1, ["x"]), thing("good", 2, ["x"])], "2");
    store.apply("DELETED", thing("bad", 3, ["x"]));
    expect(seen).toEqual(["bad@1", "good@2", "-bad@3"]);
    expect(store.byIndex("owner", "x").map(label)).toEqual(["good@2"]);
    expect(store.byIndex("broken", "all").map(label)).toEqual(["good@2"]);
    expect(await metrics.metrics()).toContain('kube_store_handler_failures_total{kind="Thing"} 2');
  });

  it("finds objects by index, also after they moved", () => {
    const { store } = setUp();
    store.replace([thing("a", 1, ["x"]), thing("b", 2, ["x", "y"])], "2");
    store.apply("MODIFIED", thing("a", 3, ["y"]));
    expect(store.byIndex("owner", "x").map(label)).toEqual(["b@2"]);
    expect(store.byIndex("owner", "y").map(label)).toEqual(["b@2", "a@3"]);
    store.apply("DELETED", thing("b", 4));
    expect(store.byIndex("owner", "x")).toEqual([]);
  });
});

describe("an own write", () => {
  function synced(): ReturnType<typeof setUp> {
    const all = setUp();
    all.store.replace([thing("a", 10)], "20");
    all.seen.length = 0;
    return all;
  }

  it("is seen at once and holds until the watch has come as far", () => {
    const { store, seen } = synced();
    store.overlay(thing("a", 23));
    store.apply("MODIFIED", thing("a", 21));
    expect(store.get("ns/a")).toEqual(thing("a", 23));
    store.apply("MODIFIED", thing("a", 23));
    store.apply("MODIFIED", thing("a", 24));
    expect(seen).toEqual(["update a@10 a@23", "update a@23 a@24"]);
  });

  it("holds through a full state from before it, and yields to a later one", () => {
    const { store } = synced();
    store.overlay(thing("a", 23));
    store.replace([thing("a", 21)], "22");
    expect(store.get("ns/a")).toEqual(thing("a", 23));
    store.replace([], "30");
    expect(store.size).toBe(0);
  });

  it("does not stand against a server that was restored to an older state", () => {
    const { store } = synced();
    store.overlay(thing("a", 23));
    store.apply("MODIFIED", thing("a", 23));
    store.replace([thing("a", 5)], "6");
    expect(store.get("ns/a")).toEqual(thing("a", 5));
  });

  it("may be a creation", () => {
    const { store, seen } = synced();
    store.overlay(thing("b", 21));
    store.apply("ADDED", thing("b", 21));
    expect(seen).toEqual(["add b@21"]);
  });

  it("does not bring back what the watch has deleted since", () => {
    const { store } = synced();
    store.apply("DELETED", thing("a", 25));
    store.overlay(thing("a", 24));
    expect(store.size).toBe(0);
  });

  it("outlives the deletion of the object before it", () => {
    const { store } = synced();
    store.overlay(thing("a", 24, [], "a-2"));
    store.apply("DELETED", thing("a", 23));
    expect(store.get("ns/a")?.metadata.uid).toBe("a-2");
  });

  it("is ignored when the watch was faster, and when versions are no numbers", () => {
    const { store, seen } = synced();
    store.apply("MODIFIED", thing("a", 25));
    seen.length = 0;
    store.overlay(thing("a", 24));
    store.overlay({ metadata: { ...thing("a", 0).metadata, resourceVersion: "opaque" } });
    expect(seen).toEqual([]);
  });
});

it.each([
  ["9", "10", false],
  ["10", "9", true],
  ["10", "10", true],
  ["18446744073709551616", "18446744073709551615", true],
  ["abc", "1", undefined],
  [undefined, "1", undefined],
])("isAtLeast(%s, %s) is %s", (a, b, expected) => {
  expect(isAtLeast(a, b)).toBe(expected);
});

type Step =
  | { do: "write"; name: string; owners: string[] }
  | { do: "ownWrite"; name: string; owners: string[] }
  | { do: "delete"; name: string }
  | { do: "deliver"; count: number }
  | { do: "relist" };

it("ends up equal to the server, its handlers and indexes with it, however writes and deliveries mix", async () => {
  const name = fc.constantFrom("a", "b", "c");
  const owners = fc.array(fc.constantFrom("x", "y", "z"), { maxLength: 2 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant("write" as const), name, owners }),
    fc.record({ do: fc.constant("ownWrite" as const), name, owners }),
    fc.record({ do: fc.constant("delete" as const), name }),
    fc.record({ do: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("relist" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { store, metrics } = setUp();
      const mirror = new Map<string, Thing>();
      store.subscribe({
        add: (o) => {
          expect(mirror.has(o.metadata.name ?? "")).toBe(false);
          mirror.set(o.metadata.name ?? "", o);
        },
        update: (before, after) => {
          expect(mirror.get(before.metadata.name ?? "")).toEqual(before);
          mirror.set(after.metadata.name ?? "", after);
        },
        delete: (o) => expect(mirror.delete(o.metadata.name ?? "")).toBe(true),
      });
      let version = 1;
      const server = new Map<string, Thing>();
      let undelivered: [type: "MODIFIED" | "DELETED", object: Thing][] = [];
      store.replace([], "1");
      for (const step of steps) {
        version += 1;
        if (step.do === "write" || step.do === "ownWrite") {
          const uid = server.get(step.name)?.metadata.uid ?? `uid-${version}`;
          const object = thing(step.name, version, step.owners, uid);
          server.set(step.name, object);
          undelivered.push(["MODIFIED", object]);
          if (step.do === "ownWrite") {
            store.overlay({ ...object });
            expect(store.get(`ns/${step.name}`)).toEqual(object);
          }
        } else if (step.do === "delete") {
          const old = server.get(step.name);
          if (old !== undefined) undelivered.push(["DELETED", thing(step.name, version, old.owners, old.metadata.uid)]);
          server.delete(step.name);
        } else if (step.do === "deliver") {
          for (const [type, object] of undelivered.splice(0, step.count)) store.apply(type, object);
        } else {
          undelivered = [];
          store.replace([...server.values()], String(version));
        }
      }
      for (const [type, object] of undelivered) store.apply(type, object);
      // An assertion that failed in a handler.
      expect(await metrics.metrics()).toContain('handler_failures_total{kind="Thing"} 0');
      const byName = (a: Thing, b: Thing): number => label(a).localeCompare(label(b));
      expect(store.list().sort(byName)).toEqual([...server.values()].sort(byName));
      expect([...mirror.values()].sort(byName)).toEqual([...server.values()].sort(byName));
      for (const owner of ["x", "y", "z"])
        expect(store.byIndex("owner", owner).sort(byName)).toEqual(
          [...server.values()].filter((o) => o.owners?.includes(owner)).sort(byName),
        );
    }),
    { numRuns: 300 },
  );
});
