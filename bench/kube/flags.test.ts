import { expect, it } from "vitest";
import { UsageError } from "../../src/base/index.ts";
import { parseFlags } from "./flags.ts";

it.each([
  ["", { slices: 10_000, changes: 2000, rounds: 2, server: "real" }],
  ["--slices=10 --changes 5 --rounds=1 --server sandbox", { slices: 10, changes: 5, rounds: 1, server: "sandbox" }],
])("takes %j", (line, expected) => {
  expect(parseFlags(line.split(" ").filter(Boolean))).toEqual(expected);
});

it("refuses what is no count, and names the flag", () => {
  expect(() => parseFlags(["--slices=many"])).toThrow(new UsageError('--slices: "many" is no count; give 1 to 20000'));
});
