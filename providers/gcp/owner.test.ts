import fc from "fast-check";
import { expect, it } from "vitest";
import { type Owner, ownerText, parseOwner, renderOwner, sameOwner } from "./owner.ts";
import { id } from "./testing/values.ts";

const label = fc.stringMatching(/^[a-z][-a-z0-9]{0,20}$/);
const owners = fc.oneof(
  fc.tuple(fc.string(), label).map(([clusterId, name]): Owner => ({ kind: "shared", clusterId, name })),
  fc
    .tuple(fc.string(), label, fc.array(label, { minLength: 1 }))
    .map(([clusterId, name, projects]): Owner => ({ kind: "shared", clusterId, name, projects })),
  fc
    .tuple(fc.record({ clusterId: fc.string(), uid: fc.uuid(), namespace: label, name: label }), fc.boolean())
    .map(([id, retained]): Owner => ({ kind: "service", id, retained })),
);

it("reads back whom it wrote", () => {
  fc.assert(
    fc.property(owners, (owner) => {
      expect(parseOwner(renderOwner(owner))).toEqual(owner);
    }),
  );
});

it.each([
  "",
  "made by hand",
  "[]",
  "null",
  "{}",
  '{"kubernetes.io/service-name":"default/web"}',
  '{"berth.dev/cluster":"c"}',
  '{"berth.dev/cluster":"c","berth.dev/service":"web","berth.dev/service-uid":"u"}',
  '{"berth.dev/cluster":"c","berth.dev/service":"default/web"}',
  '{"berth.dev/cluster":1,"berth.dev/service":"default/web","berth.dev/service-uid":"u"}',
])("takes %j for nobody's of ours", (description) => {
  expect(parseOwner(description)).toBeUndefined();
});

it("tells owners apart by cluster and UID", () => {
  const owner = { kind: "service", id, retained: false } as const;
  expect(sameOwner(owner, { ...owner, retained: true })).toBe(true);
  expect(sameOwner(owner, { ...owner, id: { ...id, uid: "other" } })).toBe(false);
  expect(sameOwner(owner, { ...owner, id: { ...id, clusterId: "other" } })).toBe(false);
  const shared = { kind: "shared", clusterId: id.clusterId, name: "health" } as const;
  expect(sameOwner(shared, { ...shared })).toBe(true);
  expect(sameOwner(shared, { ...shared, name: "other" })).toBe(false);
  expect(sameOwner(shared, owner)).toBe(false);
});

it.each([
  ["", "somebody who left no description"],
  ["made by hand", '"made by hand"'],
  [renderOwner({ kind: "service", id, retained: false }), "Service default/web (11111111-2222) of cluster cluster-1"],
  [renderOwner({ kind: "shared", clusterId: "c", name: "health" }), "health of cluster c"],
])("says whose it is: %s", (description, text) => {
  expect(ownerText(description)).toBe(text);
});
