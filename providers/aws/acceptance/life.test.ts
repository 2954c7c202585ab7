// From the first call to the last: tests 1, 9, 11 and 13 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import { AwsError } from "../../../sandbox/aws/index.ts";
import { tagKeys } from "../identity.ts";
import { Account } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { node } from "../testing/values.ts";
import { lbOf, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];
it.each([
  [1, 8, 100],
  [10, 35, 230],
])(
  "1: makes a load balancer of %i ports by %i writes, each with the owner's tags, in the order that the nodes need",
  async (ports, count, maxReads) => {
    await using account = await Account.open();
    const operator = await Operator.start(account);
    operator.want(lbOf(ports), nodes);
    await operator.settle();
    const writes = account.aws.writes();
    expect(account.aws.journal.length - writes.length).toBeLessThanOrEqual(maxReads);
    expect(operator.failures).toEqual([]);
    const kinds = [...new Set(writes.map(({ action }) => action))];
    expect(kinds).toEqual([
      "CreateSecurityGroup",
      "AuthorizeSecurityGroupIngress",
      "CreateTargetGroup",
      "CreateLoadBalancer",
      "CreateListener",
      "RegisterTargets",
    ]);
    expect(writes.length).toBe(count);
    // What it takes to be let in, then to be checked, then to be sent to.
    const order = writes.map(({ action }) => kinds.indexOf(action)).filter((at) => at > 1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    for (const { action, input } of writes.filter(({ action }) => /^(Create|Authorize)/.test(action)))
      expect(JSON.stringify(input), action).toContain(tagKeys.cluster);
    await operator.settle();
    expect(account.aws.writes().length).toBe(count);
  },
);

it("9: comes to a clean end though AWS holds on to target groups and security groups for a while", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const lb = lbOf(2);
  operator.want(lb, nodes);
  await operator.settle();
  let [inUse, held] = [3, 5];
  account.aws.trouble = ({ action }) => {
    if (action === "DeleteTargetGroup" && inUse-- > 0) return new AwsError("ResourceInUse", "in use");
    if (action === "DeleteSecurityGroup" && held-- > 0)
      return new AwsError("DependencyViolation", "has a dependent object");
    return undefined;
  };
  operator.letGo(lb);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect([inUse < 0, held < 0]).toEqual([true, true]);
  expect(account.fingerprint()).not.toContain(lb.id.uid);
});

it("11: does not delete what is protected from it, and says how to", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const lb = lbOf(1, { annotations: { [`${prefix}attributes`]: "deletion_protection.enabled=true" } });
  operator.want(lb, nodes);
  await operator.settle();
  const before = account.fingerprint();
  operator.letGo(lb);
  await operator.round();
  expect(operator.failures).toEqual([expect.stringMatching(/^DeletionProtected: .* is protected from it$/)]);
  expect(account.fingerprint()).toBe(before);
});

it("13: refuses to change the scheme; once it may, the new one is there before the old one goes", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  const before = account.fingerprint();
  operator.want(lbOf(1, { scheme: "internet-facing" }), nodes);
  await operator.round();
  expect(operator.failures).toEqual(["ReplacementRequired"]);
  expect(account.fingerprint()).toBe(before);
  account.aws.trouble = ({ action, input }) => {
    const old = [...account.aws.state.loadBalancers.values()].find(({ scheme }) => scheme === "internal");
    if (action === "DeleteLoadBalancer" && input["LoadBalancerArn"] === old?.arn) {
      const shown = account.aws.journal.filter((entry) => entry.action === "DescribeLoadBalancers");
      expect([account.aws.state.loadBalancers.size, shown.length > 0]).toEqual([2, true]);
    }
    return undefined;
  };
  await operator.settle(true);
  expect([...account.aws.state.loadBalancers.values()].map(({ scheme }) => scheme)).toEqual(["internet-facing"]);
});
