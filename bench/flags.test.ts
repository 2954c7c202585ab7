import { expect, it } from "vitest";
import { UsageError } from "../src/base/index.ts";
import { parseFlags } from "./flags.ts";

it.each([
  ["", { services: [100, 1000], rounds: 3 }],
  ["--services 50", { services: [50], rounds: 3 }],
  ["--services=1000,10,1000 --rounds=1", { services: [10, 1000], rounds: 1 }],
  ["--services 10000 --rounds 100", { services: [10_000], rounds: 100 }],
])("takes %j", (line, expected) => {
  expect(parseFlags(line.split(" ").filter(Boolean))).toEqual(expected);
});

it.each([
  ["--rounds=0", '--rounds: "0" is no count; give 1 to 100'],
  ["--rounds=two", '--rounds: "two" is no count; give 1 to 100'],
  ["--rounds=1e2", '--rounds: "1e2" is no count; give 1 to 100'],
  ["--rounds=101", '--rounds: "101" is no count; give 1 to 100'],
  ["--services=", '--services: "" is no count; give 1 to 10000'],
  ["--services=10,,20", '--services: "" is no count; give 1 to 10000'],
  ["--services=10001", '--services: "10001" is no count; give 1 to 10000'],
])("refuses %s", (flag, message) => {
  expect(() => parseFlags([flag])).toThrow(new UsageError(message));
});
