// What a provider would hear that does what this one takes care not to do: each request is changed on its way as a
// careless one would send it. Each is called as the rule of the stand-in that it needs: without that rule nobody would
// notice (`e2e/tools/fake-aws-rules.ts`).
import { expect, it } from "vitest";
import { type Entry, vpcId } from "../../../sandbox/aws/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { Account } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { node } from "../testing/values.ts";
import { lbOf, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];

interface Mistake {
  readonly rule: string;
  readonly what: string;
  readonly action: string;
  readonly instead: (input: Entry["input"]) => object;
  /** What the Service asks for once its load balancer is there. */
  readonly later?: DesiredLoadBalancer;
  readonly word: string;
}

const mistakes: readonly Mistake[] = [
  {
    rule: "batch-of-20",
    what: "asks for the tags of 21 at once",
    action: "DescribeTags",
    instead: ({ ResourceArns }) => ({ ResourceArns: Array.from({ length: 21 }, () => [ResourceArns].flat()[0]) }),
    word: "ValidationError",
  },
  {
    rule: "name-of-32",
    what: "gives a name that AWS does not take",
    action: "CreateTargetGroup",
    instead: () => ({ Name: "-web-" }),
    word: "ValidationError",
  },
  {
    rule: "one-subnet-per-zone",
    what: "takes each subnet that it finds",
    action: "CreateLoadBalancer",
    instead: () => ({ SubnetMappings: [{ SubnetId: "subnet-internal-a" }, { SubnetId: "subnet-public-a" }] }),
    word: "InvalidConfigurationRequest",
  },
  {
    rule: "protocols-fit",
    what: "changes the protocol of the listener alone",
    action: "CreateListener",
    instead: () => ({ Protocol: "UDP" }),
    word: "IncompatibleProtocols",
  },
  {
    rule: "groups-for-ever",
    what: "takes all security groups away",
    action: "SetSecurityGroups",
    instead: () => ({ SecurityGroups: [] }),
    later: lbOf(1, { annotations: { [`${prefix}security-groups`]: "sg-0eeeeeeeeeeeeeeee" } }),
    word: "InvalidConfigurationRequest",
  },
  {
    rule: "check-for-ever",
    what: "sends a health check as it was made",
    action: "ModifyTargetGroup",
    instead: () => ({ HealthCheckProtocol: "HTTP" }),
    later: lbOf(1, { annotations: { [`${prefix}healthcheck-interval`]: "30" } }),
    word: "InvalidConfigurationRequest",
  },
];

it.each(mistakes)("$rule: one that $what hears $word", async ({ action, instead, later, word }) => {
  await using account = await Account.open();
  const group = { id: "sg-0eeeeeeeeeeeeeeee", name: "given", vpcId, madeAt: -1e6, tags: new Map(), rules: [] };
  account.aws.state.groups.set(group.id, { ...group, heldUntil: 0 });
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  if (later !== undefined) {
    await operator.settle();
    operator.want(later, nodes);
  }
  account.aws.trouble = (entry) => {
    if (entry.action === action) Object.assign(entry.input, instead(entry.input));
    return undefined;
  };
  for (let i = 0; i < 4; i++) {
    await operator.round();
    operator.pass(10_000);
  }
  expect(operator.failures[0]).toContain(`:${action}: ${word}: `);
});
