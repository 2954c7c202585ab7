import { afterAll, beforeAll, expect, it } from "vitest";
import { type RuleId, rules } from "../../sandbox/aws/index.ts";
import { cases, outcome } from "../../sandbox/aws/testing/cases.ts";
import { Moto } from "./testing/moto.ts";

/** The rules that moto does not have, and what comes of it there instead. Each other rule holds there as well. */
const differences: Readonly<Partial<Record<RuleId, unknown>>> = {
  // It answers for each ARN that it knows or not, once.
  "batch-of-20": 1,
  "same-again-is-the-same": "DuplicateTargetGroupName",
  "one-subnet-per-zone": "made",
  "groups-for-ever": "done",
  protected: "done",
  "port-taken": "made",
  "protocols-fit": "made",
  "50-listeners": null,
  "check-for-ever": "made",
  // By instance alone; and all are healthy, from the first moment to the last.
  "targets-by-port": ["81 healthy"],
  "bad-target-spoils-batch": "done",
  "1000-targets": "done",
  "500-in-zone": "done",
  "500-cross-zone": "done",
  draining: [],
  "unused-unchecked": ["80 healthy"],
  "rules-whole-or-not": [80, 81],
  "group-held": "done",
  "shown-later": 1,
  "tags-listed-later": 1,
  // It looks at no policy.
  "owner-tags": "made",
};

let moto: Moto;

beforeAll(async () => {
  moto = await Moto.start();
});
afterAll(() => moto?.[Symbol.asyncDispose]());

it.each(Object.keys(rules) as RuleId[])("%s is so at moto as well, or known to be otherwise", async (rule) => {
  const [expected] = cases[rule];
  const found = await outcome(rule, await moto.place());
  expect(found).toEqual(rule in differences ? differences[rule] : expected);
  if (rule in differences) expect(found).not.toEqual(expected);
});
