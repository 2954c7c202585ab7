// From the first call to the last: tests 1, 2, 9, 11, 13 and 18 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { tagKeys } from "../identity.ts";
import { Account } from "../testing/account.ts";
import { AwsError } from "../testing/fake/index.ts";
import { Operator } from "../testing/operator.ts";
import { desiredLb, node, port } from "../testing/values.ts";

const nodes = [node(1), node(2)];
const prefix = "service.beta.kubernetes.io/aws-load-balancer-";

function lbOf(ports: number, changes: Partial<DesiredLoadBalancer> = {}): DesiredLoadBalancer {
  return desiredLb({
    ports: Array.from({ length: ports }, (_, i) => port("TCP", 80 + i, 30_080 + i, `p${i}`)),
    ...changes,
  });
}

it.each([
  [1, 8],
  [10, 35],
])(
  "1: makes a load balancer of %i ports by %i writes, each with the owner's tags, in the order that the nodes need",
  async (ports, count) => {
    await using account = await Account.open();
    const operator = await Operator.start(account);
    operator.want(lbOf(ports), nodes);
    await operator.settle();
    const writes = account.aws.writes();
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
    for (const { action, input } of writes.filter(({ action }) => action.startsWith("Create")))
      expect(JSON.stringify(input), action).toContain(tagKeys.cluster);
    await operator.settle();
    expect(account.aws.writes().length).toBe(count);
  },
);

it("2: ends the same wherever a write is cut off, before it is done or after, with nothing left over", async () => {
  const lb = lbOf(2);
  await using whole = await Account.open();
  const first = await Operator.start(whole);
  first.want(lb, nodes);
  await first.settle();
  const count = whole.aws.writes().length;
  for (const cut of ["cut before", "cut after"] as const)
    for (let at = 0; at < count; at++) {
      await using account = await Account.open();
      const operator = await Operator.start(account);
      operator.want(lb, nodes);
      account.aws.trouble = ({ isWrite }) => (isWrite && account.aws.writes().length === at + 1 ? cut : undefined);
      await operator.round();
      account.aws.trouble = () => undefined;
      const next = await Operator.start(account);
      next.want(lb, nodes);
      await next.settle();
      expect(account.fingerprint(), `${cut} ${at}`).toBe(whole.fingerprint());
      next.letGo(lb);
      await next.settle();
      expect([...account.aws.state.loadBalancers.values(), ...account.aws.state.targetGroups.values()]).toEqual([]);
    }
});

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

it("18: takes 20 load balancers of a namespace away at once and leaves nothing of them", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const all = Array.from({ length: 20 }, (_, i) => {
    const { id } = desiredLb();
    return lbOf(1, { id: { ...id, uid: `uid-${i}`, name: `web-${i}` } });
  });
  for (const lb of all) operator.want(lb, nodes);
  await operator.settle();
  expect(account.aws.state.loadBalancers.size).toBe(20);
  for (const lb of all) operator.letGo(lb);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(account.fingerprint()).not.toContain("uid-");
});
