// What takes many requests: tests 15 and 18 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { ownerTags } from "../identity.ts";
import { loadBalancerName, targetGroupName } from "../plan/index.ts";
import { nlbSpec } from "../schema/index.ts";
import { Account } from "../testing/account.ts";
import { type Listener, type LoadBalancer, type Tags, type TargetGroup, vpcId } from "../testing/fake/index.ts";
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
    copyFor(account, numbered(i));
    operator.want(numbered(i), nodes);
  }
  // The first look lets the tagging API notice them, the second one sees the health of each for the first time.
  for (let i = 0; i < 2; i++) await look(account, operator);
  const { plans, asked } = await look(account, operator);
  expect(plans).toEqual([]);
  const perObject = /Attributes$|^DescribeTargetHealth$|Certificates$/;
  const batched = asked.filter(({ action }) => !perObject.test(action));
  const owned = 3 * count;
  const pages = owned / 100;
  // Those of the network, elastic addresses among it, and of security groups.
  const others = 13;
  expect(batched.length).toBeLessThanOrEqual(owned / 20 + pages + others);
  expect(asked.length - batched.length).toBeLessThanOrEqual(20);
  expect(asked.filter(({ isWrite, outcome }) => isWrite || outcome !== "ok")).toEqual([]);
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

/** All that the first Service has, as another one has it. */
function copyFor({ aws: { state } }: Account, lb: DesiredLoadBalancer): void {
  const { spec } = nlbSpec(lb, { region: "eu-west-1", agents: true });
  const name = loadBalancerName(lb, spec, vpcId);
  const [balancer, group, listener] = [state.loadBalancers, state.targetGroups, state.listeners].map(
    (all) => [...all.values()][0],
  ) as [LoadBalancer, TargetGroup, Listener];
  const frontend = [...state.groups.values()].find((one) => one.name === balancer.name)!;
  const owned = (tags: Tags): Tags => new Map([...tags, ...Object.entries(ownerTags(lb.id))]);
  const own = { ...frontend, id: state.nextId("sg-"), name, tags: owned(frontend.tags) };
  const rules = frontend.rules.map((rule) => ({ ...rule, id: state.nextId("sgr-"), tags: owned(rule.tags) }));
  state.groups.set(own.id, { ...own, rules });
  const groups = balancer.groups.map((id) => (id === frontend.id ? own.id : id));
  const arn = state.arn("loadbalancer/net", name);
  state.loadBalancers.set(arn, { ...balancer, arn, name, groups, tags: owned(balancer.tags) });
  const groupName = targetGroupName(lb.id, name, spec.listeners[0]!);
  const groupArn = state.arn("targetgroup", groupName);
  state.targetGroups.set(groupArn, { ...group, arn: groupArn, name: groupName, tags: owned(group.tags) });
  const listenerArn = state.arn("listener/net", name);
  const forward = [{ group: groupArn, weight: 1 }];
  state.listeners.set(listenerArn, {
    ...listener,
    arn: listenerArn,
    loadBalancer: arn,
    forward,
    tags: owned(listener.tags),
  });
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
