import fc from "fast-check";
import { expect, it } from "vitest";
import { ProviderError } from "../../src/provider/index.ts";
import { backendGroupName, hashName, isOwn, refuseForeign, tagsOf, userTagNames } from "./identity.ts";
import { desiredLb } from "./testing/values.ts";

const { id } = desiredLb();

it("gives names that AWS takes, the same for the same and others for others", () => {
  const part = fc.string();
  fc.assert(
    fc.property(fc.record({ clusterId: part, uid: part, namespace: part, name: part }), part, part, (one, a, b) => {
      const name = hashName(one, a, b);
      expect(name).toMatch(/^(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])$/);
      expect(hashName({ ...one }, a, b)).toBe(name);
      expect(hashName({ ...one, uid: `${one.uid}x` }, a, b)).not.toBe(name);
      expect(hashName(one, a, `${b}x`)).not.toBe(name);
    }),
  );
});

it("keeps the names of target groups, so that an update of Berth replaces none", () => {
  expect([hashName(id, "a", "b"), backendGroupName("cluster-1")]).toMatchInlineSnapshot(`
    [
      "k8s-default-web-187b4f4440",
      "berth-nodes-4afb32cc10",
    ]
  `);
});

it("remembers which tags are the user's", () => {
  const users = { "a b": "1", "c:d": "2" };
  expect(userTagNames(tagsOf(id, users, 80))).toEqual(["a b", "c:d"]);
  expect(userTagNames(tagsOf(id, {}))).toEqual([]);
  expect(tagsOf(id, users, 80)).toEqual({
    ...users,
    "berth.dev/user-tags": "a b=c:d",
    "berth.dev/port": "80",
    "berth.dev/cluster": "cluster-1",
    "berth.dev/service-uid": "11111111-2222",
    "berth.dev/service": "default/web",
  });
});

it.each([
  ["another cluster's", { ...tagsOf(id, {}), "berth.dev/cluster": "b" }, "cluster b"],
  ["another Service's", { ...tagsOf(id, {}), "berth.dev/service-uid": "b" }, "another Service of this cluster"],
  ["nobody's", {}, "somebody without Berth's tags"],
])("refuses what is %s", (_, tags, owner) => {
  expect(isOwn(tags, id)).toBe(false);
  let thrown: unknown;
  try {
    refuseForeign("it", tags, id);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ProviderError);
  expect((thrown as ProviderError).fault).toEqual({ kind: "conflict", owner });
});
