import { expect, it } from "vitest";
import { type LabelSelector, selects } from "./label-selector.ts";

function expression(operator: string, ...values: string[]): LabelSelector {
  return { matchExpressions: [{ key: "team", operator, values }] };
}

it.each<[string, LabelSelector, boolean, boolean]>([
  ["nothing", {}, true, true],
  ["a label", { matchLabels: { team: "blue" } }, true, false],
  ["another value", { matchLabels: { team: "red" } }, false, false],
  ["In", expression("In", "red", "blue"), true, false],
  ["NotIn", expression("NotIn", "blue"), false, true],
  ["Exists", expression("Exists"), true, false],
  ["DoesNotExist", expression("DoesNotExist"), false, true],
  ["an operator of the future", expression("Like", "blue"), false, false],
  ["a label and an expression", { matchLabels: { team: "blue" }, ...expression("NotIn", "blue") }, false, false],
])("asks for %s", (_, selector, ofBlue, ofNone) => {
  expect([selects(selector, { team: "blue" }), selects(selector, {})]).toEqual([ofBlue, ofNone]);
});
