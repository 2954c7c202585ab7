import { expect, it } from "vitest";
import { flatten, kubectl, splitWords } from "./step.ts";

it.each([
  ["kubectl get  svc", ["kubectl", "get", "svc"]],
  [`patch -p '{"a": "b c"}'`, ["patch", "-p", '{"a": "b c"}']],
  [`-o jsonpath='{" "}' "it's"`, ["-o", 'jsonpath={" "}', "it's"]],
  ["a ''", ["a", ""]],
])("splits %s as a shell does", (command, words) => {
  expect(splitWords(command)).toEqual(words);
});

it("lists the steps in the order in which they end", () => {
  const [a, b, c] = [kubectl("a"), kubectl("b"), kubectl("c")];
  const outer = kubectl("outer", { during: [a, b] });
  expect(flatten([outer, c])).toEqual([a, b, outer, c]);
});
