import { expect, it } from "vitest";
import { UsageError } from "../../src/base/index.ts";
import { parseFlags } from "./flags.ts";

const nft = { services: 1000, backend: "nft" };
const legacy = { services: 1000, backend: "legacy" };
const many = { services: 10_000, backend: "legacy" };

it.each([
  ["", { cases: [nft, legacy, many], rounds: 1, changes: 200, watch: 60 }],
  ["--cases 10000/legacy,1000 --watch=5", { cases: [nft, many], rounds: 1, changes: 200, watch: 5 }],
  ["--cases=1000/legacy --rounds=2 --changes 7", { cases: [legacy], rounds: 2, changes: 7, watch: 60 }],
])("takes %j", (line, expected) => {
  expect(parseFlags(line.split(" ").filter(Boolean))).toEqual(expected);
});

it.each([
  ["--rounds=0", '--rounds: "0" is no count; give 1 to 100'],
  ["--rounds=two", '--rounds: "two" is no count; give 1 to 100'],
  ["--changes=1e2", '--changes: "1e2" is no count; give 1 to 10000'],
  ["--watch=3601", '--watch: "3601" is no count; give 1 to 3600'],
  ["--cases=", '--cases: "" is no count; give 1 to 10000'],
  ["--cases=10001/nft", '--cases: "10001" is no count; give 1 to 10000'],
  ["--cases=10/ebtables", '--cases: "10/ebtables" is no case; give SERVICES/nft or SERVICES/legacy'],
  ["--cases=10/nft/x", '--cases: "10/nft/x" is no case; give SERVICES/nft or SERVICES/legacy'],
])("refuses %s", (flag, message) => {
  expect(() => parseFlags([flag])).toThrow(new UsageError(message));
});
