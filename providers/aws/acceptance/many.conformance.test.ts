// What takes many requests: tests 15 and 18 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import { Account } from "../testing/account.ts";
import { copyFor } from "../testing/copies.ts";
import { Operator } from "../testing/operator.ts";
import { node } from "../testing/values.ts";
import { numbered } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];

it("15: 1,000 Services are checked by batches, without a write or a list of the whole account", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const count = 1000;
  operator.want(numbered(0), nodes);
  await operator.settle();
  for (let i = 1; i < count; i++) {
    copyFor(account.aws.state, numbered(i));
    operator.want(numbered(i), nodes);
  }
  // The first look lets the tagging API notice them, the second one sees the health of each for the first time.
  for (let i = 0; i < 2; i++) await look(account, operator);
  const { plans, asked } = await look(account, operator);
  expect(plans).toEqual([]);
  const perObject = /Attributes$|^DescribeTargetHealth$|Certificates$/;
  const batched = asked.filter(({ action }) => !perObject.test(action));
  // Each has a load balancer, a listener, a target group and a security group; the last of these are not on pages of 100.
  const [owned, pages] = [4 * count, (3 * count) / 100];
  expect(batched.length).toBeLessThanOrEqual(owned / 20 + pages);
  const whole = batched.filter(
    ({ action, input }) =>
      /^Describe(LoadBalancers|Listeners|TargetGroups|Tags)$/.test(action) &&
      !Object.entries(input).some(([field, value]) => field.endsWith("Arns") && [value].flat().length > 0),
  );
  expect(whole).toEqual([]);
  expect(asked.length - batched.length).toBeLessThanOrEqual(20);
  expect(asked.filter(({ isWrite, outcome }) => isWrite || outcome !== "ok")).toEqual([]);
  const balancing = asked.filter(({ action }) => /^Describe(LoadBalancers|Listeners|TargetGroups)$/.test(action));
  expect(balancing.filter(({ input }) => Object.keys(input).length === 0)).toEqual([]);
});

/** Ten minutes later: what a check asks, and what it would do. */
async function look(
  account: Account,
  operator: Operator,
): Promise<{ readonly plans: readonly string[]; readonly asked: Account["aws"]["journal"] }> {
  operator.pass(600_000);
  const before = account.aws.journal.length;
  const plans = await operator.resync();
  return {
    plans: plans.flatMap(({ steps, waits, summary }) => (steps.length + waits.length > 0 ? [summary] : [])),
    asked: account.aws.journal.slice(before),
  };
}

it("18: takes 20 load balancers of a namespace away at once and leaves nothing of them", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const all = Array.from({ length: 20 }, (_, i) => numbered(i));
  for (const lb of all) operator.want(lb, nodes);
  await operator.settle();
  expect(account.aws.state.loadBalancers.size).toBe(20);
  for (const lb of all) operator.letGo(lb);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(account.fingerprint()).not.toContain("uid-");
});
