import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KubeObject, keyOf } from "./object.ts";
import { type Change, ExpiredError, Store } from "./store.ts";

function object(name: string, value = 0): KubeObject {
  return { apiVersion: "v1", kind: "Thing", metadata: { name, namespace: "ns" }, value };
}

const operation = fc.record({ name: fc.constantFrom("a", "b", "c", "d"), remove: fc.boolean(), value: fc.nat() });

function apply(store: Store, { name, remove, value }: { name: string; remove: boolean; value: number }): void {
  if (remove) store.remove("things", `ns/${name}`);
  else store.put("things", object(name, value));
}

/** What a client knows that began with a list and followed every change. */
function follow(start: readonly KubeObject[], changes: readonly Change[]): readonly KubeObject[] {
  const known = new Map(start.map((each) => [keyOf(each), each]));
  for (const { key, object, deleted } of changes) {
    if (deleted) known.delete(key);
    else known.set(key, object);
  }
  return [...known].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

describe("store", () => {
  it("lists the past as it was, and its changes lead to the present", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), fc.nat(), (operations, pick) => {
        const store = new Store(1000);
        const snapshots: { revision: number; objects: readonly KubeObject[] }[] = [
          { revision: 0, objects: store.list("things") },
        ];
        for (const each of operations) {
          apply(store, each);
          snapshots.push({ revision: store.revision, objects: store.list("things") });
        }
        const past = snapshots[pick % snapshots.length] ?? { revision: 0, objects: [] };
        expect(store.listAt("things", past.revision)).toEqual(past.objects);
        expect(follow(past.objects, store.changesSince("things", past.revision))).toEqual(store.list("things"));
      }),
    );
  });

  it("gives every write a newer revision and tells it in order", () => {
    const store = new Store(1000);
    const seen: string[] = [];
    using _ = store.subscribe("things", ({ key, revision, deleted, object }) => {
      expect(object.metadata.resourceVersion).toBe(`${revision}`);
      seen.push(`${revision} ${key} ${deleted}`);
    });
    store.put("things", object("a"));
    store.put("others", object("a"));
    store.put("things", object("a", 1));
    store.remove("things", "ns/a");
    store.remove("things", "ns/a");
    expect(seen).toEqual(["1 ns/a false", "3 ns/a false", "4 ns/a true"]);
  });

  it("keeps at least the last changes and refuses what lies before them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 100 }), (limit, writes) => {
        const store = new Store(limit);
        for (let i = 0; i < writes; i++) store.put("things", object("a", i));
        const kept = Math.min(limit, writes);
        expect(store.changesSince("things", writes - kept)).toHaveLength(kept);
        if (writes > 2 * limit) expect(() => store.changesSince("things", 0)).toThrow(ExpiredError);
      }),
    );
  });

  it("starts from a snapshot with its revision and without its history", () => {
    const before = new Store(10);
    before.put("things", object("b"));
    before.put("things", object("a"));
    const store = new Store(10, structuredClone(before.state()));
    expect(store.list("things").map(keyOf)).toEqual(["ns/a", "ns/b"]);
    expect(() => store.changesSince("things", 1)).toThrow("too old resource version: 1 (2)");
    expect(store.put("things", object("c")).metadata.resourceVersion).toBe("3");
  });

  it("does not let another collection's writes push a change out", () => {
    const store = new Store(2);
    store.put("quiet", object("a"));
    for (let i = 0; i < 100; i++) store.put("busy", object("a", i));
    expect(store.changesSince("quiet", 0)).toHaveLength(1);
  });
});
