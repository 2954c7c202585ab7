// What AWS does later than one would think, or only in its own time. Each is called as the rule of the stand-in that it
// needs: without that rule it fails (`e2e/tools/fake-aws-rules.ts`).
import { expect, it } from "vitest";
import { AwsError } from "../../../sandbox/aws/index.ts";
import { Account } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { instanceId, node } from "../testing/values.ts";
import { lbOf, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];

async function made(account: Account): Promise<Operator> {
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  return operator;
}

/** A controller that goes on where another one ended, at once: nothing that lags has caught up. */
async function successor(account: Account): Promise<Operator> {
  const operator = await Operator.start(account);
  // So long it would take to start.
  account.pass(-30_000);
  operator.want(lbOf(1), nodes);
  return operator;
}

function outcomes({ aws }: Account, action: string): readonly string[] {
  return aws.journal.filter((entry) => entry.action === action).map(({ outcome }) => outcome);
}

it("same-again-is-the-same: a creation that arrives twice, as a proxy may send it, makes one thing", async () => {
  await using account = await Account.open();
  account.aws.trouble = ({ action }) => (/^Create(LoadBalancer|TargetGroup)$/.test(action) ? "twice" : undefined);
  const { failures } = await made(account);
  const { loadBalancers, targetGroups } = account.aws.state;
  expect([failures, loadBalancers.size, targetGroups.size]).toEqual([[], 1, 1]);
});

it("draining: a node that leaves keeps its connections for a while, and is a target again if it is back by then", async () => {
  await using account = await Account.open();
  const operator = await made(account);
  const [group] = account.aws.state.targetGroups.values();
  const targets = (): readonly string[] =>
    [...(group?.targets.values() ?? [])].map(({ id, drainingSince }) =>
      drainingSince === undefined ? id : `not ${id}`,
    );
  operator.want(lbOf(1), nodes.slice(0, 1));
  await operator.settle();
  expect(targets()).toEqual([instanceId(1), `not ${instanceId(2)}`]);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  expect([operator.failures, targets()]).toEqual([[], [instanceId(1), instanceId(2)]]);
});

it("unused-unchecked: a target group that is there for minutes is checked only once its listener has it, by no weight", async () => {
  await using account = await Account.open();
  const operator = await made(account);
  operator.pass(60_000);
  let refusals = 12;
  account.aws.trouble = ({ action }) =>
    action === "ModifyListener" && refusals-- > 0 ? new AwsError("ServiceUnavailable", "come back later") : undefined;
  operator.want(lbOf(1, { annotations: { [`${prefix}healthcheck-protocol`]: "tcp" } }), nodes);
  await operator.settle();
  const turns = account.aws.journal.filter(({ action, outcome }) => action === "ModifyListener" && outcome === "ok");
  const weights = turns.map(({ input }) => [...JSON.stringify(input).matchAll(/"Weight":(\d)/g)].map(([, one]) => one));
  expect(weights).toEqual([["1", "0"], []]);
});

it("shown-later: a security group whose maker died is found once EC2 shows it, and no second one is made", async () => {
  await using account = await Account.open();
  account.aws.trouble = ({ action }) => (action === "CreateSecurityGroup" ? "cut after" : undefined);
  const first = await Operator.start(account);
  first.want(lbOf(1), nodes);
  await first.round();
  account.aws.trouble = () => undefined;
  const second = await successor(account);
  // EC2 takes its time.
  account.pass(-500);
  await second.settle();
  expect(outcomes(account, "CreateSecurityGroup")).toContain("InvalidGroup.Duplicate");
  const names = [...account.aws.state.groups.values()].map(({ name }) => name);
  expect([second.failures, new Set(names).size]).toEqual([[], names.length]);
});

it("tags-listed-later: what the last controller made a moment ago is found by its name, and not made again", async () => {
  await using account = await Account.open();
  const first = await Operator.start(account);
  first.want(lbOf(1), nodes);
  for (let i = 0; i < 2; i++) await first.round();
  const before = account.fingerprint();
  const second = await successor(account);
  // EC2 shows the security groups by then.
  account.pass(2000);
  await second.round();
  const planned = second.plans.flatMap(({ steps }) => steps.map(({ id }) => id));
  expect(planned).toContain("load-balancer");
  await second.settle();
  expect(outcomes(account, "CreateLoadBalancer")).toEqual(["ok"]);
  expect(account.fingerprint()).toBe(before);
});
