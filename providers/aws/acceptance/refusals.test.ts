// What AWS refuses although it was right to ask: somebody else was faster, or it takes its time. Each is called as the
// rule of the stand-in that it needs: without that rule it fails (`e2e/tools/fake-aws-rules.ts`).
import { expect, it } from "vitest";
import { type Entry, type Listener, type State, text, vpcId } from "../../../sandbox/aws/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { Account } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { cidr, instanceId, node } from "../testing/values.ts";
import { lbOf, numbered, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];
const others = new Map([["team", "others"]]);

/** Somebody does something right before the first request of a kind for which it is not too early. */
function race({ aws }: Account, action: string, harm: (state: State, entry: Entry) => boolean | void): void {
  let isDone = false;
  aws.trouble = (entry) => {
    if (entry.action === action && !isDone) isDone = harm(aws.state, entry) !== false;
    return undefined;
  };
}

function outcomes({ aws }: Account, action: string): readonly string[] {
  return aws.journal.filter((entry) => entry.action === action).map(({ outcome }) => outcome);
}

async function made(account: Account, lb: DesiredLoadBalancer = lbOf(1)): Promise<Operator> {
  const operator = await Operator.start(account);
  operator.want(lb, nodes);
  await operator.settle();
  return operator;
}

/** What fails in the first minutes of a load balancer. */
async function failures(account: Account, lb: DesiredLoadBalancer = lbOf(1)): Promise<readonly string[]> {
  const operator = await Operator.start(account);
  operator.want(lb, nodes);
  await rounds(operator, 4);
  return operator.failures;
}

async function rounds(operator: Operator, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await operator.round();
    operator.pass(10_000);
  }
}

/** A listener that somebody makes by hand. */
function addListener(state: State, loadBalancer: string, port: number, group: string): void {
  const arn = state.arn("listener/net", "other");
  const content = { protocol: "TCP", certificates: [], policy: "", alpn: "", forward: [{ group, weight: 1 }] };
  const one: Listener = { arn, loadBalancer, port, ...content, attributes: new Map(), tags: others };
  state.listeners.set(arn, one);
}

it("name-taken: a name that somebody takes first is a conflict, and theirs is left alone", async () => {
  await using account = await Account.open();
  race(account, "CreateTargetGroup", (state, { input }) => {
    const [name, arn] = [text(input, "Name"), state.arn("targetgroup", "other")];
    const check = { HealthCheckProtocol: "TCP", HealthCheckPort: "80", HealthCheckIntervalSeconds: 10 };
    const thresholds = { HealthCheckTimeoutSeconds: 10, HealthyThresholdCount: 3, UnhealthyThresholdCount: 3 };
    state.targetGroups.set(arn, {
      arn,
      name,
      protocol: "TCP",
      port: 80,
      vpcId,
      wish: "",
      check: { ...check, ...thresholds },
      attributes: new Map(),
      tags: others,
      targets: new Map(),
    });
  });
  expect((await failures(account))[0]).toMatch(/^Conflict: /);
  expect([...account.aws.state.targetGroups.values()].map(({ tags }) => tags)).toEqual([others]);
});

it("security-group-name-taken: so it is with a security group", async () => {
  await using account = await Account.open();
  race(account, "CreateSecurityGroup", (state, { input }) => {
    const one = { id: "sg-other", name: text(input, "GroupName"), vpcId, madeAt: -1e6 };
    state.groups.set("sg-other", { ...one, tags: others, rules: [], heldUntil: 0 });
  });
  expect((await failures(account))[0]).toMatch(/^Conflict: security group sg-other has the name /);
  const names = [...account.aws.state.groups.values()].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it("port-taken: there is no second listener on a port that somebody's listener takes first", async () => {
  await using account = await Account.open();
  race(account, "CreateListener", (state, { input }) => {
    const [group = ""] = state.targetGroups.keys();
    addListener(state, text(input, "LoadBalancerArn"), 80, group);
  });
  expect(await failures(account)).toEqual([expect.stringMatching(/DuplicateListener/)]);
  expect([...account.aws.state.listeners.values()].map(({ port, tags }) => [port, tags])).toEqual([[80, others]]);
});

it("50-listeners: with 50 listeners by hand it is told that AWS takes no more", async () => {
  await using account = await Account.open();
  race(account, "CreateListener", (state, { input }) => {
    const [group = ""] = state.targetGroups.keys();
    for (let port = 1001; port <= 1050; port++) addListener(state, text(input, "LoadBalancerArn"), port, group);
  });
  expect((await failures(account))[0]).toMatch(/^QuotaExceeded: .*TooManyListeners/);
});

it.each([
  ["500-cross-zone", 500, "true"],
  ["500-in-zone", 500, "false"],
  ["1000-targets", 1000, "false"],
])("%s: with as many targets by hand it is told that AWS takes no more", async (rule, count, isCrossZone) => {
  await using account = await Account.open();
  const operator = await made(account);
  race(account, "RegisterTargets", ({ loadBalancers, targetGroups, instances }) => {
    const attributes = [...loadBalancers.values()].map((one) => one.attributes);
    for (const one of attributes) one.set("load_balancing.cross_zone.enabled", isCrossZone);
    // In three zones there is room for all of a target group.
    for (const zone of rule === "1000-targets" ? ["b", "c"] : [])
      instances.set(zone, { id: zone, vpcId, zone, groups: [], state: "running" });
    const ids = rule === "1000-targets" ? [instanceId(1), "b", "c"] : [instanceId(1)];
    for (const { targets } of targetGroups.values())
      for (let port = 1; port <= count; port++) {
        const id = ids[port % ids.length] ?? "";
        targets.set(`by hand ${port}`, { id, port, checkedSince: 0, drainingSince: undefined });
      }
  });
  operator.want(lbOf(1), [...nodes, node(3)]);
  await rounds(operator, 1);
  expect(operator.failures[0]).toMatch(/^QuotaExceeded: .*TooManyTargets/);
});

it("60-rules: more source ranges than AWS takes are told, and not one of them is let in", async () => {
  await using account = await Account.open();
  const sourceRanges = Array.from({ length: 61 }, (_, i) => cidr(`10.1.${i}.0/24`));
  expect((await failures(account, lbOf(1, { sourceRanges })))[0]).toMatch(/^QuotaExceeded: /);
  const groups = [...account.aws.state.groups.values()].filter(({ name }) => name.startsWith("k8s-"));
  expect(groups.map(({ rules }) => rules)).toEqual([[]]);
});

it("rules-whole-or-not: what is refused for one rule that somebody was faster with is asked for without it", async () => {
  await using account = await Account.open();
  race(account, "AuthorizeSecurityGroupIngress", ({ groups }, { input }) => {
    const group = groups.get(text(input, "GroupId"));
    if (group?.name.startsWith("k8s-") !== true) return false;
    const [id, madeAt] = ["sgr-1", -1e6];
    group.rules.push({ id, madeAt, protocol: "tcp", from: 80, to: 80, source: "0.0.0.0/0", tags: others });
    return true;
  });
  const operator = await made(account, lbOf(2));
  expect(outcomes(account, "AuthorizeSecurityGroupIngress")).toContain("InvalidPermission.Duplicate");
  const { rules } = [...account.aws.state.groups.values()].find(({ name }) => name.startsWith("k8s-")) ?? { rules: [] };
  expect([operator.failures, rules.map(({ from }) => `${from}`).sort()]).toEqual([[], ["80", "81"]]);
});

it("protected: what somebody protects at the last moment stays, and it is told why", async () => {
  await using account = await Account.open();
  const operator = await made(account);
  race(account, "DeleteLoadBalancer", ({ loadBalancers }) => {
    for (const { attributes } of loadBalancers.values()) attributes.set("deletion_protection.enabled", "true");
  });
  operator.letGo(lbOf(1));
  await rounds(operator, 1);
  expect([operator.failures, account.aws.state.loadBalancers.size]).toEqual([
    [expect.stringMatching(/^DeletionProtected: /)],
    1,
  ]);
});

it("group-in-use: a target group that somebody's listener uses goes once it does not any more", async () => {
  await using account = await Account.open();
  const operator = await made(account);
  race(account, "DeleteTargetGroup", (state, { input }) =>
    addListener(state, "arn:other", 80, text(input, "TargetGroupArn")),
  );
  operator.letGo(lbOf(1));
  await rounds(operator, 3);
  expect(account.aws.state.targetGroups.size).toBe(1);
  account.aws.state.listeners.clear();
  await operator.settle();
  expect([operator.failures, account.aws.state.targetGroups.size]).toEqual([[], 0]);
});

it("group-held: a security group that AWS holds on to is asked for again until it goes", async () => {
  await using account = await Account.open();
  const operator = await made(account);
  operator.letGo(lbOf(1));
  await operator.settle();
  const [last, ...before] = outcomes(account, "DeleteSecurityGroup").toReversed();
  expect([last, new Set(before), operator.failures]).toEqual(["ok", new Set(["DependencyViolation"]), []]);
});

it("tls-needs-certificate: a certificate that is not there is told, and nobody listens without it", async () => {
  await using account = await Account.open();
  const annotations = { [`${prefix}ssl-cert`]: "arn:aws:acm:eu-west-1:123456789012:certificate/gone" };
  expect((await failures(account, lbOf(1, { annotations })))[0]).toMatch(/^CertificateNotFound: .*certificate\/gone/);
  expect(account.aws.state.listeners.size).toBe(0);
});

it("owner-tags: without the tags that somebody takes away at the last moment it may change nothing", async () => {
  await using account = await Account.open();
  const operator = await made(account);
  race(account, "DeregisterTargets", ({ targetGroups }) => {
    for (const { tags } of targetGroups.values()) tags.clear();
  });
  operator.want(lbOf(1), [node(1)]);
  await rounds(operator, 1);
  expect(operator.failures[0]).toMatch(/^Forbidden: elasticloadbalancing:DeregisterTargets/);
});

it("batch-fails-whole: a load balancer that somebody deletes spoils the check of no other", async () => {
  await using account = await Account.open();
  const operator = await made(account, numbered(1));
  operator.want(numbered(2), nodes);
  await operator.settle();
  operator.pass(600_000);
  await operator.resync();
  const { state } = account.aws;
  const [arn = ""] = state.loadBalancers.keys();
  state.loadBalancers.delete(arn);
  const plans = await operator.resync();
  expect(outcomes(account, "DescribeLoadBalancers")).toContain("LoadBalancerNotFound");
  expect(plans.map(({ steps }) => steps.length > 0)).toEqual([false, true, false, false, false]);
});

it("pages: an instance on the second page is a target too", async () => {
  await using account = await Account.open({ instances: 1001 });
  const operator = await Operator.start(account);
  operator.want(lbOf(1), [node(1001)]);
  await rounds(operator, 1);
  expect(outcomes(account, "DescribeInstances")).toEqual(["ok", "ok"]);
  expect([...account.aws.state.targetGroups.values()].map(({ targets }) => targets.size)).toEqual([1]);
});
