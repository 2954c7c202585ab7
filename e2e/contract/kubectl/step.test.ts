import { expect, it } from "vitest";
import { splitWords } from "./step.ts";

it.each([
  ["kubectl get  svc", ["kubectl", "get", "svc"]],
  [`patch -p '{"a": "b c"}'`, ["patch", "-p", '{"a": "b c"}']],
  [`-o jsonpath='{" "}' "it's"`, ["-o", 'jsonpath={" "}', "it's"]],
  ["a ''", ["a", ""]],
])("splits %s as a shell does", (command, words) => {
  expect(splitWords(command)).toEqual(words);
});
