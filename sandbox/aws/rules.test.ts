import { expect, it } from "vitest";
import { Account } from "../../providers/aws/testing/account.ts";
import { instanceId } from "../../providers/aws/testing/values.ts";
import { type RuleId, rules, vpcId } from "./index.ts";
import { cases, outcome } from "./testing/cases.ts";

/** What comes of it in a new account. */
async function outcomeHere(rule: RuleId, off: RuleId | undefined): Promise<unknown> {
  await using account = await Account.open({ off, instances: 4 });
  return await outcome(rule, {
    endpoint: account.aws.endpoint,
    vpcId,
    subnets: ["subnet-internal-a", "subnet-public-a"],
    instance: instanceId(1),
    grow: async () => [98, 99].forEach((number) => account.run(instanceId(number))),
    pass: (ms) => account.pass(ms),
  });
}

it.each(Object.keys(rules) as RuleId[])("%s holds, and does not once it is turned off", async (rule) => {
  const [expected] = cases[rule];
  expect(await outcomeHere(rule, undefined)).toEqual(expected);
  expect(await outcomeHere(rule, rule)).not.toEqual(expected);
});

it("every rule says where it is known from, and they are few", () => {
  expect(Object.values(rules).filter(({ source }) => !/^https:\/\/|^the policy in /.test(source))).toEqual([]);
  expect(Object.keys(rules).length).toBeLessThanOrEqual(40);
});
