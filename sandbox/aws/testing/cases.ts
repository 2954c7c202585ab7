// What each rule is good for, as requests of AWS' SDK: to the stand-in and to others that answer as AWS.

import type { WriteCall } from "../../../providers/aws/calls.ts";
import { SdkClient } from "../../../providers/aws/client.ts";
import { awsCode } from "../../../providers/aws/errors.ts";
import { systemClock } from "../../../src/base/index.ts";
import { ProviderError, Requests } from "../../../src/provider/index.ts";
import { type RuleId, region } from "../index.ts";

/** An account that is empty but for this. */
export interface Place {
  readonly endpoint: string;
  readonly vpcId: string;
  /** In one zone. */
  readonly subnets: readonly [string, string];
  readonly instance: string;
  /** Two more instances run. */
  grow(): Promise<void>;
  /** Time goes by there. */
  pass(ms: number): void;
}

const { signal } = new AbortController();
const Tags = [{ Key: "berth.dev/cluster", Value: "cluster-1" }];

/** AWS' SDK in an account, and the requests that several rules need. */
export class Rig {
  readonly aws: SdkClient;
  readonly place: Place;

  constructor(place: Place) {
    this.place = place;
    const requests = new Requests({ fence: () => undefined, clock: systemClock });
    const { endpoint } = place;
    this.aws = new SdkClient({ region, endpoints: { ec2: endpoint, elb: endpoint, tagging: endpoint }, requests });
  }

  async send<Name extends WriteCall["name"]>(
    name: Name,
    input: Extract<WriteCall, { name: Name }>["input"],
  ): Promise<string> {
    const { arn, id } = await this.aws.write({ name, input } as WriteCall, signal);
    return arn ?? id ?? "done";
  }

  balancer(groups: readonly string[] = [], subnets: readonly string[] = [this.place.subnets[0]]): Promise<string> {
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
    return this.send("CreateTargetGroup", {
      Name,
      Protocol,
      Port: 80,
      VpcId: this.place.vpcId,
      TargetType: "instance",
      Tags,
    });
  }

  listener(LoadBalancerArn: string, TargetGroupArn: string, more: object = {}): Promise<string> {
    const DefaultActions = [{ Type: "forward" as const, TargetGroupArn }];
    return this.send("CreateListener", { LoadBalancerArn, Port: 80, Protocol: "TCP", DefaultActions, Tags, ...more });
  }

  securityGroup(): Promise<string> {
    const TagSpecifications = [{ ResourceType: "security-group" as const, Tags }];
    return this.send("CreateSecurityGroup", {
      GroupName: "sg",
      Description: "-",
      VpcId: this.place.vpcId,
      TagSpecifications,
    });
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

function many({ place }: Rig, count: number): readonly { readonly Id: string; readonly Port: number }[] {
  return Array.from({ length: count }, (_, i) => ({ Id: place.instance, Port: 1 + i }));
}

/** 501 targets of a load balancer, in one zone. */
async function crowd(rig: Rig, isCrossZone: "true" | "false"): Promise<string> {
  const [lb, group] = [await rig.balancer(), await rig.group()];
  const Attributes = [{ Key: "load_balancing.cross_zone.enabled", Value: isCrossZone }];
  await rig.send("ModifyLoadBalancerAttributes", { LoadBalancerArn: lb, Attributes });
  await rig.listener(lb, group);
  return rig.register(group, ...many(rig, 501));
}

/** What comes of it where the rule holds, and what to do for it. */
export const cases: Readonly<Record<RuleId, readonly [expected: unknown, provoke: (rig: Rig) => Promise<unknown>]>> = {
  "batch-of-20": [
    "ValidationError",
    async ({ aws }) => {
      const ResourceArns = Array.from({ length: 21 }, () => "arn");
      return (await aws.read("DescribeTags", { ResourceArns }, signal)).TagDescriptions?.length;
    },
  ],
  "batch-fails-whole": [
    "TargetGroupNotFound",
    async (rig) => rig.aws.read("DescribeTargetGroups", { TargetGroupArns: [await rig.group(), "arn:none"] }, signal),
  ],
  pages: [
    true,
    async ({ aws, place }) => {
      await place.grow();
      return (await aws.read("DescribeInstances", { MaxResults: 5 }, signal)).NextToken !== undefined;
    },
  ],
  "same-again-is-the-same": [true, async (rig) => (await rig.group()) === (await rig.group())],
  "name-taken": ["DuplicateTargetGroupName", async (rig) => [await rig.group("tg", "UDP"), await rig.group()]],
  "name-of-32": ["ValidationError", (rig) => rig.group("-tg")],
  "one-subnet-per-zone": ["InvalidConfigurationRequest", (rig) => rig.balancer([], rig.place.subnets)],
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
      const Certificates = [
        { CertificateArn: "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000" },
      ];
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
  "check-for-ever": [
    "InvalidConfigurationRequest",
    async (rig) => {
      const input = { TargetGroupArn: await rig.group(), HealthCheckProtocol: "HTTP" as const };
      return rig.send("ModifyTargetGroup", input);
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
      await rig.register(group, { Id: rig.place.instance, Port: 80 }, { Id: rig.place.instance, Port: 81 });
      return rig.states(group);
    },
  ],
  "bad-target-spoils-batch": [
    "InvalidTarget",
    async (rig) => rig.register(await rig.group(), { Id: rig.place.instance, Port: 80 }, { Id: "i-none", Port: 80 }),
  ],
  "1000-targets": ["TooManyTargets", async (rig) => rig.register(await rig.group(), ...many(rig, 1001))],
  "500-in-zone": ["TooManyTargets", (rig) => crowd(rig, "false")],
  "500-cross-zone": ["TooManyTargets", (rig) => crowd(rig, "true")],
  draining: [
    ["80 draining"],
    async (rig) => {
      const group = await rig.group();
      await rig.listener(await rig.balancer(), group);
      await rig.register(group, { Id: rig.place.instance, Port: 80 });
      await rig.send("DeregisterTargets", { TargetGroupArn: group, Targets: [{ Id: rig.place.instance, Port: 80 }] });
      return rig.states(group);
    },
  ],
  "unused-unchecked": [
    ["80 unused"],
    async (rig) => {
      const group = await rig.group();
      await rig.register(group, { Id: rig.place.instance, Port: 80 });
      rig.place.pass(600_000);
      return rig.states(group);
    },
  ],
  "security-group-name-taken": [
    "InvalidGroup.Duplicate",
    async (rig) => [await rig.securityGroup(), await rig.securityGroup()],
  ],
  "rules-whole-or-not": [
    [80],
    async (rig) => {
      const group = await rig.securityGroup();
      await rig.allow(group, 80);
      await rig.allow(group, 81, 80).catch(() => undefined);
      rig.place.pass(2000);
      const Filters = [{ Name: "group-id", Values: [group] }];
      const { SecurityGroupRules = [] } = await rig.aws.read("DescribeSecurityGroupRules", { Filters }, signal);
      return SecurityGroupRules.filter(({ IsEgress }) => IsEgress === false).map(({ FromPort }) => FromPort);
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
    (rig) => rig.send("CreateTargetGroup", { Name: "tg", Protocol: "TCP", Port: 80, VpcId: rig.place.vpcId }),
  ],
};

/** What comes back where a rule is provoked, or AWS' word for why nothing does; what is named anew each time, by its kind. */
export async function outcome(rule: RuleId, place: Place): Promise<unknown> {
  const [, provoke] = cases[rule];
  try {
    const found = JSON.stringify(await provoke(new Rig(place)));
    return JSON.parse(found?.replaceAll(/"(arn:|sg-)[^"]*"/g, '"made"') ?? "null");
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return awsCode(error.cause);
  }
}
