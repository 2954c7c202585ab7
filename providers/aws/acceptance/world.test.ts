// Of what happens at AWS: tests 6, 7, 8, 10 and 19 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import { nodeGroup, vpcId } from "../../../sandbox/aws/index.ts";
import type { NodeTarget } from "../../../src/model/index.ts";
import { tagKeys } from "../identity.ts";
import { loadBalancerName } from "../plan/index.ts";
import { nlbSpec } from "../schema/index.ts";
import { Account, clusterId } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { instanceId, node } from "../testing/values.ts";
import { lbOf, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];

function manyNodes(count: number): readonly NodeTarget[] {
  return Array.from({ length: count }, (_, i) => node(i + 1));
}

it.each(["", "web"])(
  "6: what another owner has under the name that is needed stays as it is; a name of the user's own: %j",
  async (given) => {
    await using account = await Account.open();
    const lb = lbOf(1, given === "" ? {} : { annotations: { [`${prefix}name`]: given } });
    const name = loadBalancerName(lb, nlbSpec(lb, { region: "eu-west-1", agents: true }).spec, vpcId);
    account.addForeign(name, { team: "others" });
    const before = account.fingerprint().split("\n");
    const operator = await Operator.start(account);
    operator.want(lb, nodes);
    for (let i = 0; i < 3; i++) await operator.round();
    expect(operator.failures[0]).toMatch(/^Conflict: load balancer \S+ exists and is not of this Service$/);
    operator.letGo(lb);
    await operator.settle();
    expect(account.fingerprint().split("\n")).toEqual(expect.arrayContaining(before));
  },
);

it("rule 3: what is Berth's no more, since a moment ago, is not changed, whatever was seen before", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  operator.pass(60_000);
  await operator.round();
  for (const { tags } of account.aws.state.loadBalancers.values()) tags.clear();
  const before = account.aws.writes().length;
  operator.want(lbOf(1, { annotations: { [`${prefix}attributes`]: "load_balancing.cross_zone.enabled=true" } }), nodes);
  await operator.round();
  expect(operator.failures).toEqual([expect.stringMatching(/^Conflict: /)]);
  expect(account.aws.writes().slice(before)).toEqual([]);
});

it("7: 250 nodes that join are three registrations for each target group, and one that is stopped is left out alone", async () => {
  await using account = await Account.open({ instances: 250 });
  const operator = await Operator.start(account);
  const lb = lbOf(2);
  operator.want(lb, []);
  await operator.settle();
  // One of them is stopped, as AWS says from the beginning.
  account.aws.state.instances.get(instanceId(250))!.state = "stopped";
  operator.want(lb, manyNodes(250));
  const before = account.aws.journal.length;
  await operator.settle();
  const asked = account.aws.journal.slice(before);
  const groups = [...account.aws.state.targetGroups.values()];
  expect(groups).toHaveLength(2);
  for (const { arn, targets } of groups) {
    const of = (name: string): number =>
      asked.filter(({ action, input }) => action === name && input["TargetGroupArn"] === arn).length;
    expect([of("RegisterTargets"), targets.size]).toEqual([3, 249]);
    expect(of("DescribeTargetHealth")).toBe(1);
  }
  expect(asked.filter(({ action }) => action === "DescribeInstances").length).toBeLessThanOrEqual(3);
  // They are the first ones: their security group lets load balancers in.
  expect(asked.flatMap(({ isWrite, action }) => (isWrite && action !== "RegisterTargets" ? [action] : []))).toEqual([
    "AuthorizeSecurityGroupIngress",
  ]);
  expect(operator.failures).toEqual([]);
  expect((await operator.status(lb)).issues).toEqual([
    expect.objectContaining({ reason: "NodesLeftOut", message: expect.stringContaining("n250") as string }),
  ]);
});

it("7: one instance of 250 that stops while they are registered is left out alone, and named", async () => {
  await using account = await Account.open({ instances: 250 });
  const operator = await Operator.start(account);
  const lb = lbOf(1);
  operator.want(lb, manyNodes(250));
  account.aws.trouble = ({ action }) => {
    // AWS said that it runs, and it runs no more.
    const instance = account.aws.state.instances.get(instanceId(77));
    if (action === "RegisterTargets" && instance !== undefined) instance.state = "stopped";
    return undefined;
  };
  await operator.settle();
  expect(operator.failures).toEqual([]);
  // A batch with it fails, and so does each half that it is in.
  const outcomes = account.aws.journal.flatMap(({ action, outcome }) =>
    action === "RegisterTargets" ? [outcome] : [],
  );
  expect(outcomes.filter((outcome) => outcome === "InvalidTarget").length).toBeGreaterThanOrEqual(7);
  const [group] = account.aws.state.targetGroups.values();
  expect(group?.targets.size).toBe(249);
  expect((await operator.status(lb)).issues).toEqual([
    expect.objectContaining({ reason: "NodesLeftOut", message: expect.stringContaining(instanceId(77)) as string }),
  ]);
});

it("8: more targets than AWS takes with cross-zone load balancing are never asked for", async () => {
  await using account = await Account.open({ instances: 60 });
  const operator = await Operator.start(account);
  const lb = lbOf(10, { annotations: { [`${prefix}attributes`]: "load_balancing.cross_zone.enabled=true" } });
  operator.want(lb, manyNodes(60));
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(account.aws.journal.filter(({ outcome }) => outcome === "TooManyTargets")).toEqual([]);
  expect([...account.aws.state.targetGroups.values()].map(({ targets }) => targets.size)).toEqual(Array(10).fill(50));
  expect((await operator.status(lb)).issues).toEqual([expect.objectContaining({ reason: "QuotaExceeded" })]);
});

it.each<[string, (account: Account) => void]>([
  [
    "the load balancer",
    ({ aws: { state } }) =>
      [...state.loadBalancers.keys()].forEach((arn) => {
        for (const one of state.listenersOf(arn)) state.listeners.delete(one.arn);
        state.loadBalancers.delete(arn);
      }),
  ],
  ["a listener", ({ aws: { state } }) => state.listeners.clear()],
  [
    "its target group",
    ({ aws: { state } }) => {
      state.listeners.clear();
      state.targetGroups.clear();
    },
  ],
  ["a target", ({ aws: { state } }) => [...state.targetGroups.values()].forEach(({ targets }) => targets.clear())],
  [
    "what its security group lets in",
    ({ aws: { state } }) =>
      [...state.groups.values()].forEach(({ tags, rules }) => tags.has(tagKeys.uid) && rules.splice(0)),
  ],
  ["what the nodes let in", ({ aws: { state } }) => void state.groups.get(nodeGroup)?.rules.splice(0)],
  [
    "a tag of the user's",
    ({ aws: { state } }) => [...state.targetGroups.values()].forEach(({ tags }) => tags.delete("team")),
  ],
  [
    "an attribute",
    ({ aws: { state } }) =>
      [...state.targetGroups.values()].forEach(({ attributes }) => attributes.set("stickiness.enabled", "true")),
  ],
])("10: %s that somebody took away or changed is as before at the next check", async (_, harm) => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1, { annotations: { [`${prefix}additional-resource-tags`]: "team=web" } }), nodes);
  await operator.settle();
  const before = account.fingerprint();
  harm(account);
  operator.pass(600_000);
  expect((await operator.resync()).flatMap(({ steps }) => steps).length).toBeGreaterThan(0);
  await operator.settle();
  expect([operator.failures, account.fingerprint()]).toEqual([[], before]);
});

it("19: lists what carries the cluster's tags, and nothing of anybody else", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  const { state } = account.aws;
  const [lb] = state.loadBalancers.values();
  const foreign = {
    ...lb!,
    arn: state.arn("loadbalancer/net", "other"),
    name: "other",
    tags: new Map([[tagKeys.cluster, "other"]]),
  };
  state.loadBalancers.set(foreign.arn, foreign);
  const untagged = { ...lb!, arn: state.arn("loadbalancer/net", "plain"), name: "plain", tags: new Map() };
  state.loadBalancers.set(untagged.arn, untagged);
  const adapter = await account.adapter();
  await adapter.snapshot([], new AbortController().signal);
  account.aws.pass(30_000);
  const owned = await Array.fromAsync(adapter.listOwned(clusterId, new AbortController().signal));
  const refs = new Set(owned.map(({ ref }) => ref));
  const mine = [lb?.arn, ...state.targetGroups.keys(), ...state.listeners.keys()];
  expect(mine.every((ref) => refs.has(ref ?? ""))).toBe(true);
  expect([refs.has(foreign.arn), refs.has(untagged.arn), refs.has(nodeGroup)]).toEqual([false, false, false]);
  expect(new Set(owned.map(({ scope }) => scope.kind))).toEqual(new Set(["service", "members", "shared"]));
});
