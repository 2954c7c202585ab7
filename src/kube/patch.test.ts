import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finalizerPatch, mergeDiff, upsertCondition } from "./index.ts";
import { mergePatch } from "./testing/serve.ts";

const value = fc.letrec((tie) => ({
  object: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), tie("value"), { noNullPrototype: true }),
  value: fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer()), tie("object")),
}));

describe("mergeDiff", () => {
  it("makes a patch that turns one object into the other, and none for equal ones", () => {
    fc.assert(
      fc.property(value.object, value.object, (before, after) => {
        const patch = mergeDiff(before, after);
        expect(patch === undefined ? before : mergePatch(before, patch)).toEqual(after);
        expect(mergeDiff(after, after)).toBeUndefined();
      }),
    );
  });

  it("names only what differs", () => {
    const before = { spec: { a: 1, b: [1, 2], c: { x: 1 } }, status: {} };
    expect(mergeDiff(before, { spec: { a: 1, b: [2], c: {} }, status: {} })).toEqual({
      spec: { b: [2], c: { x: null } },
    });
  });

  it("takes undefined and null for absent", () => {
    expect(mergeDiff({ a: undefined, b: null, c: 1 }, { a: null, c: undefined })).toEqual({ c: null });
  });
});

describe("finalizerPatch", () => {
  const object = { metadata: { resourceVersion: "7", finalizers: ["other/x", "ours/y"] } };

  it.each([
    [{ add: ["new/z"] }, ["other/x", "ours/y", "new/z"]],
    [{ remove: ["ours/y"] }, ["other/x"]],
    [{ add: ["new/z"], remove: ["ours/y"] }, ["other/x", "new/z"]],
  ])("TestAddFinalizer, TestRemoveFinalizer: %j", (change, finalizers) => {
    expect(finalizerPatch(object, change)).toEqual({ metadata: { resourceVersion: "7", finalizers } });
  });

  it.each([{ add: ["ours/y"] }, { remove: ["new/z"] }, {}])(
    "TestAddFinalizer, TestRemoveFinalizer, no-op: has nothing to do for %j",
    (change) => {
      expect(finalizerPatch(object, change)).toBeUndefined();
    },
  );
});

describe("upsertCondition", () => {
  const noon = Date.UTC(2026, 0, 1, 12);
  const ready = { type: "Ready", status: "True", reason: "Fine", message: "" };
  const foreign = { ...ready, type: "Foreign", lastTransitionTime: "2020-01-01T00:00:00Z" };
  const first = upsertCondition([foreign], ready, noon);

  it("appends a new one and leaves the others alone", () => {
    expect(first).toEqual([foreign, { ...ready, lastTransitionTime: "2026-01-01T12:00:00Z" }]);
  });

  it("returns the same list when nothing changes", () => {
    expect(upsertCondition(first, ready, noon + 5000)).toBe(first);
  });

  it("cuts a message that no API server would take, and takes the whole for what it has cut", () => {
    const long = { ...ready, message: "x".repeat(100_000) };
    const cut = upsertCondition([], long, noon);
    expect(cut[0]?.message).toHaveLength(4094);
    expect(upsertCondition(cut, long, noon + 5000)).toBe(cut);
  });

  it("moves the time only with the status", () => {
    const reworded = upsertCondition(first, { ...ready, reason: "Better" }, noon + 5000);
    expect(reworded[1]).toEqual({ ...ready, reason: "Better", lastTransitionTime: "2026-01-01T12:00:00Z" });
    const flipped = upsertCondition(reworded, { ...ready, status: "False" }, noon + 5000);
    expect(flipped[1]).toMatchObject({ status: "False", lastTransitionTime: "2026-01-01T12:00:05Z" });
  });
});
