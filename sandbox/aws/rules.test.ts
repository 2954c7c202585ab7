import { expect, it } from "vitest";
import type { WriteCall } from "../../providers/aws/calls.ts";
import { SdkClient } from "../../providers/aws/client.ts";
import { awsCode } from "../../providers/aws/errors.ts";
import { Account, certificate, clusterId } from "../../providers/aws/testing/account.ts";
import { instanceId } from "../../providers/aws/testing/values.ts";
import { systemClock } from "../../src/base/index.ts";
import { ProviderError, Requests } from "../../src/provider/index.ts";
import { type RuleId, region, rules, vpcId } from "./index.ts";

const { signal } = new AbortController();
const Tags = [{ Key: "berth.dev/cluster", Value: clusterId }];

/** AWS' SDK in an account, and the requests that several rules need. */
class Rig {
  readonly aws: SdkClient;
  readonly account: Account;

  constructor(account: Account) {
    this.account = account;
    const requests = new Requests({ fence: () => undefined, clock: systemClock });
    const { endpoint } = account.aws;
    this.aws = new SdkClient({ region, endpoints: { ec2: endpoint, elb: endpoint, tagging: endpoint }, requests });
  }

  async send<Name extends WriteCall["name"]>(
    name: Name,
    input: Extract<WriteCall, { name: Name }>["input"],
  ): Promise<string> {
    const { arn, id } = await this.aws.write({ name, input } as WriteCall, signal);
    return arn ?? id ?? "done";
  }

  balancer(groups: readonly string[] = [], subnets = ["subnet-internal-a"]): Promise<string> {
    const SubnetMappings = subnets.map((SubnetId) => ({ SubnetId }));
    const SecurityGroups = [...groups];
    return this.send("CreateLoadBalancer", {
      Name: "lb",
      Type: "network",
      Scheme: "internal",
      SubnetMappings,
      Tags,
      ...(groups.length > 0 && { SecurityGroups }),
    });
  }

  group(Name = "tg", Protocol: "TCP" | "UDP" = "TCP"): Promise<string> {
    return this.send("CreateTargetGroup", { Name, Protocol, Port: 80, VpcId: vpcId, TargetType: "instance", Tags });
  }

  listener(LoadBalancerArn: string, TargetGroupArn: string, more: object = {}): Promise<string> {
    const DefaultActions = [{ Type: "forward" as const, TargetGroupArn }];
    return this.send("CreateListener", { LoadBalancerArn, Port: 80, Protocol: "TCP", DefaultActions, Tags, ...more });
  }

  securityGroup(): Promise<string> {
    const TagSpecifications = [{ ResourceType: "security-group" as const, Tags }];
    return this.send("CreateSecurityGroup", { GroupName: "sg", Description: "-", VpcId: vpcId, TagSpecifications });
  }

  allow(GroupId: string, ...ports: readonly number[]): Promise<string> {
    const IpPermissions = ports.map((port) => ({
      IpProtocol: "tcp",
      FromPort: port,
      ToPort: port,
      IpRanges: [{ CidrIp: "0.0.0.0/0" }],
    }));
    const TagSpecifications = [{ ResourceType: "security-group-rule" as const, Tags }];
    return this.send("AuthorizeSecurityGroupIngress", { GroupId, IpPermissions, TagSpecifications });
  }

  register(
    TargetGroupArn: string,
    ...targets: readonly { readonly Id: string; readonly Port: number }[]
  ): Promise<string> {
    return this.send("RegisterTargets", { TargetGroupArn, Targets: [...targets] });
  }

  async states(TargetGroupArn: string): Promise<readonly string[]> {
    const { TargetHealthDescriptions: all = [] } = await this.aws.read(
      "DescribeTargetHealth",
      { TargetGroupArn },
      signal,
    );
    return all.map(({ Target, TargetHealth }) => `${Target?.Port} ${TargetHealth?.State}`);
  }
}

const first = instanceId(1);

/** What comes of it where the rule holds, and what to do for it. */
const cases: Readonly<Record<RuleId, readonly [expected: unknown, provoke: (rig: Rig) => Promise<unknown>]>> = {
  "batch-of-20": [
    "ValidationError",
    async ({ aws }) => aws.read("DescribeTags", { ResourceArns: Array(21).fill("arn") }, signal),
  ],
  "batch-fails-whole": [
    "TargetGroupNotFound",
    async (rig) => rig.aws.read("DescribeTargetGroups", { TargetGroupArns: [await rig.group(), "arn:none"] }, signal),
  ],
  pages: [
    true,
    async ({ aws, account }) => {
      account.run(instanceId(99));
      return (await aws.read("DescribeInstances", { MaxResults: 2 }, signal)).NextToken !== undefined;
    },
  ],
  "same-again-is-the-same": [true, async (rig) => (await rig.group()) === (await rig.group())],
  "name-taken": ["DuplicateTargetGroupName", async (rig) => [await rig.group("tg", "UDP"), await rig.group()]],
  "one-subnet-per-zone": [
    "InvalidConfigurationRequest",
    (rig) => rig.balancer([], ["subnet-internal-a", "subnet-public-a"]),
  ],
  "groups-for-ever": [
    "InvalidConfigurationRequest",
    async (rig) => {
      const SecurityGroups = [await rig.securityGroup()];
      return rig.send("SetSecurityGroups", { LoadBalancerArn: await rig.balancer(), SecurityGroups });
    },
  ],
  protected: [
    "OperationNotPermitted",
    async (rig) => {
      const LoadBalancerArn = await rig.balancer();
      const Attributes = [{ Key: "deletion_protection.enabled", Value: "true" }];
      await rig.send("ModifyLoadBalancerAttributes", { LoadBalancerArn, Attributes });
      return rig.send("DeleteLoadBalancer", { LoadBalancerArn });
    },
  ],
  "port-taken": [
    "DuplicateListener",
    async (rig) => {
      const [lb, group] = [await rig.balancer(), await rig.group()];
      await rig.listener(lb, group);
      return rig.listener(lb, group);
    },
  ],
  "protocols-fit": [
    "IncompatibleProtocols",
    async (rig) => rig.listener(await rig.balancer(), await rig.group("tg", "UDP")),
  ],
  "tls-needs-certificate": [
    "CertificateNotFound",
    async (rig) => {
      const Certificates = [{ CertificateArn: `${certificate}-not` }];
      return rig.listener(await rig.balancer(), await rig.group(), { Protocol: "TLS", Certificates });
    },
  ],
  "50-listeners": [
    "TooManyListeners",
    async (rig) => {
      const [lb, group] = [await rig.balancer(), await rig.group()];
      for (let i = 0; i < 51; i++) await rig.listener(lb, group, { Port: 80 + i });
    },
  ],
  "group-in-use": [
    "ResourceInUse",
    async (rig) => {
      const TargetGroupArn = await rig.group();
      await rig.listener(await rig.balancer(), TargetGroupArn);
      return rig.send("DeleteTargetGroup", { TargetGroupArn });
    },
  ],
  "targets-by-port": [
    ["80 unused", "81 unused"],
    async (rig) => {
      const group = await rig.group();
      await rig.register(group, { Id: first, Port: 80 }, { Id: first, Port: 81 });
      return rig.states(group);
    },
  ],
  "bad-target-spoils-batch": [
    "InvalidTarget",
    async (rig) => rig.register(await rig.group(), { Id: first, Port: 80 }, { Id: "i-none", Port: 80 }),
  ],
  "500-cross-zone": [
    "TooManyTargets",
    async (rig) => {
      const [lb, group] = [await rig.balancer(), await rig.group()];
      const Attributes = [{ Key: "load_balancing.cross_zone.enabled", Value: "true" }];
      await rig.send("ModifyLoadBalancerAttributes", { LoadBalancerArn: lb, Attributes });
      await rig.listener(lb, group);
      return rig.register(group, ...Array.from({ length: 501 }, (_, i) => ({ Id: first, Port: 1 + i })));
    },
  ],
  draining: [
    ["80 draining"],
    async (rig) => {
      const group = await rig.group();
      await rig.listener(await rig.balancer(), group);
      await rig.register(group, { Id: first, Port: 80 });
      await rig.send("DeregisterTargets", { TargetGroupArn: group, Targets: [{ Id: first, Port: 80 }] });
      return rig.states(group);
    },
  ],
  "unused-unchecked": [
    ["80 unused"],
    async (rig) => {
      const group = await rig.group();
      await rig.register(group, { Id: first, Port: 80 });
      rig.account.pass(600_000);
      return rig.states(group);
    },
  ],
  "security-group-name-taken": [
    "InvalidGroup.Duplicate",
    async (rig) => [await rig.securityGroup(), await rig.securityGroup()],
  ],
  "rules-whole-or-not": [
    "InvalidPermission.Duplicate",
    async (rig) => {
      const group = await rig.securityGroup();
      return [await rig.allow(group, 80), await rig.allow(group, 81, 80)];
    },
  ],
  "60-rules": [
    "RulesPerSecurityGroupLimitExceeded",
    async (rig) => rig.allow(await rig.securityGroup(), ...Array.from({ length: 61 }, (_, i) => i + 1)),
  ],
  "group-held": [
    "DependencyViolation",
    async (rig) => {
      const GroupId = await rig.securityGroup();
      const LoadBalancerArn = await rig.balancer([GroupId]);
      await rig.send("DeleteLoadBalancer", { LoadBalancerArn });
      return rig.send("DeleteSecurityGroup", { GroupId });
    },
  ],
  "shown-later": [
    0,
    async (rig) => {
      await rig.securityGroup();
      const Filters = [{ Name: "group-name", Values: ["sg"] }];
      return (await rig.aws.read("DescribeSecurityGroups", { Filters }, signal)).SecurityGroups?.length;
    },
  ],
  "tags-listed-later": [
    0,
    async (rig) => {
      await rig.group();
      const ResourceTypeFilters = ["elasticloadbalancing"];
      return (await rig.aws.read("GetResources", { ResourceTypeFilters }, signal)).ResourceTagMappingList?.length;
    },
  ],
  "owner-tags": [
    "AccessDenied",
    (rig) => rig.send("CreateTargetGroup", { Name: "tg", Protocol: "TCP", Port: 80, VpcId: vpcId }),
  ],
};

/** What comes back, or AWS' word for why nothing does. */
async function outcome(rule: RuleId, off: RuleId | undefined): Promise<unknown> {
  await using account = await Account.open({ off });
  const [, provoke] = cases[rule];
  try {
    return await provoke(new Rig(account));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return awsCode(error.cause);
  }
}

it.each(Object.keys(rules) as RuleId[])("%s holds, and does not once it is turned off", async (rule) => {
  const [expected] = cases[rule];
  expect(await outcome(rule, undefined)).toEqual(expected);
  expect(await outcome(rule, rule)).not.toEqual(expected);
});

it("every rule says where it is known from, and they are few", () => {
  expect(Object.values(rules).filter((source) => !/^https:\/\/|^the policy in /.test(source))).toEqual([]);
  expect(Object.keys(rules).length).toBeLessThanOrEqual(40);
});
