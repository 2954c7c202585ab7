import { expect, it } from "vitest";
import { type LabelSelector, selects } from "./index.ts";

const labels = { team: "shop", tier: "" };

it.each<[string, LabelSelector, boolean]>([
  ["nothing", {}, true],
  ["a label that is there", { matchLabels: { team: "shop" } }, true],
  ["a label of another value", { matchLabels: { team: "x" } }, false],
  ["one of two labels", { matchLabels: { team: "shop", zone: "a" } }, false],
  ["a name of Object", { matchLabels: { constructor: "x" } }, false],
  ["In", { matchExpressions: [{ key: "team", operator: "In", values: ["a", "shop"] }] }, true],
  ["In, others", { matchExpressions: [{ key: "team", operator: "In", values: ["a"] }] }, false],
  ["In, absent", { matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }, false],
  ["NotIn", { matchExpressions: [{ key: "team", operator: "NotIn", values: ["shop"] }] }, false],
  ["NotIn, absent", { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a"] }] }, true],
  ["Exists, empty value", { matchExpressions: [{ key: "tier", operator: "Exists" }] }, true],
  ["Exists, absent", { matchExpressions: [{ key: "toString", operator: "Exists" }] }, false],
  ["DoesNotExist", { matchExpressions: [{ key: "zone", operator: "DoesNotExist" }] }, true],
  ["DoesNotExist, there", { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }, false],
  ["an unknown operator", { matchExpressions: [{ key: "team", operator: "Has" }] }, false],
  [
    "labels and expressions",
    { matchLabels: { team: "shop" }, matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] },
    false,
  ],
])("selects by %s", (_, selector, expected) => {
  expect(selects(selector, labels)).toBe(expected);
});

it("selects nothing but the empty selector where there are no labels", () => {
  expect([selects({}), selects({ matchLabels: { a: "b" } })]).toEqual([true, false]);
});
