import { AwsError, type Call, type Handler, list, maybe, page, text, texts } from "./call.ts";
import { type Group, type GroupRule, type State, type Tags, vpcId } from "./state.ts";
import { ec2TagHandlers } from "./tags.ts";
import type { Input, Value } from "./wire.ts";

/** What is new is not shown so long. */
const shownMs = 15;
const maxRules = 60;

export const ec2Handlers: Readonly<Record<string, Handler>> = {
  DescribeVpcs: () => ({
    vpcSet: [
      { vpcId, cidrBlockAssociationSet: [{ cidrBlock: "10.0.0.0/16", cidrBlockState: { state: "associated" } }] },
    ],
  }),
  DescribeAddresses: ({ state }) => ({
    addressesSet: [
      ...[...state.allocations].map((allocationId) => ({ allocationId })),
      ...[...state.takenAllocations].map(([allocationId, networkInterfaceId]) => ({
        allocationId,
        associationId: `eipassoc-${networkInterfaceId}`,
        networkInterfaceId,
      })),
    ],
  }),
  DescribeSubnets: ({ state }) => ({
    subnetSet: [...state.subnets.values()].map(({ id, zone, freeAddresses, tags }) => ({
      subnetId: id,
      vpcId,
      cidrBlock: "10.0.0.0/16",
      availabilityZone: zone,
      availableIpAddressCount: freeAddresses,
      ipv6CidrBlockAssociationSet: [{ ipv6CidrBlock: "2001:db8::/64", ipv6CidrBlockState: { state: "associated" } }],
      tagSet: tagSet(tags),
    })),
  }),
  DescribeRouteTables: ({ state }) => ({
    routeTableSet: [
      { routeTableId: "rtb-1", routeSet: [{ gatewayId: "local" }], associationSet: [{ main: true }] },
      {
        routeTableId: "rtb-2",
        routeSet: [{ gatewayId: "local" }, { gatewayId: "igw-1" }],
        associationSet: [...state.subnets.values()]
          .filter(({ isPublic }) => isPublic)
          .map(({ id }) => ({ main: false, subnetId: id })),
      },
    ],
  }),
  DescribeAvailabilityZones: ({ state }) => ({
    availabilityZoneInfo: [...new Set([...state.subnets.values()].map(({ zone }) => zone))].map((zoneName) => ({
      zoneName,
      zoneType: "availability-zone",
    })),
  }),
  DescribeInstances: describeInstances,
  DescribeSecurityGroups: describeGroups,
  DescribeSecurityGroupRules: describeRules,
  CreateSecurityGroup: createGroup,
  AuthorizeSecurityGroupIngress: authorize,
  RevokeSecurityGroupIngress: revoke,
  DeleteSecurityGroup: deleteGroup,
  ...ec2TagHandlers,
};

function describeInstances(call: Call): Value {
  const { state, input } = call;
  const [items, nextToken] = page(
    call,
    filtered([...state.instances.values()], input, ({ vpcId: vpc }) => ({ "vpc-id": vpc }), noTags),
    "NextToken",
  );
  return {
    reservationSet: items.map(({ id, state: name, zone, groups }) => ({
      instancesSet: [
        {
          instanceId: id,
          instanceState: { name },
          placement: { availabilityZone: zone },
          networkInterfaceSet: [
            { attachment: { deviceIndex: 1 }, groupSet: [{ groupId: "sg-second" }] },
            { attachment: { deviceIndex: 0 }, groupSet: groups.map((groupId) => ({ groupId })) },
          ],
        },
      ],
    })),
    nextToken,
  };
}

function describeGroups(call: Call): Value {
  const { state, input, isOn } = call;
  const shown = [...state.groups.values()].filter(
    ({ madeAt }) => !isOn("shown-later") || state.now - madeAt >= shownMs,
  );
  const facts = ({ id, name, vpcId: vpc }: Group): Facts => ({ "group-id": id, "group-name": name, "vpc-id": vpc });
  const [items, nextToken] = page(
    call,
    filtered(shown, input, facts, ({ tags }) => tags),
    "NextToken",
  );
  return {
    securityGroupInfo: items.map(({ id, name, vpcId: vpc, tags }) => ({
      groupId: id,
      groupName: name,
      vpcId: vpc,
      tagSet: tagSet(tags),
    })),
    nextToken,
  };
}

function describeRules(call: Call): Value {
  const { state, input } = call;
  const owners = new Map(
    [...state.groups.values()].flatMap(({ id, rules }) => rules.map((rule) => [rule, id] as const)),
  );
  const facts = (rule: GroupRule): Facts => ({ "group-id": owners.get(rule) ?? "" });
  const [items, nextToken] = page(
    call,
    filtered([...owners.keys()], input, facts, ({ tags }) => tags),
    "NextToken",
  );
  return {
    securityGroupRuleSet: items.map((rule) => ({
      securityGroupRuleId: rule.id,
      groupId: owners.get(rule),
      isEgress: false,
      ipProtocol: rule.protocol,
      fromPort: rule.from,
      toPort: rule.to,
      ...sourceFields(rule.source),
      tagSet: tagSet(rule.tags),
    })),
    nextToken,
  };
}

function sourceFields(source: string): Record<string, Value> {
  if (source.startsWith("pl-")) return { prefixListId: source };
  if (source.startsWith("sg-")) return { referencedGroupInfo: { groupId: source } };
  return source.includes(":") ? { cidrIpv6: source } : { cidrIpv4: source };
}

function createGroup(call: Call): Value {
  const { state, input, isOn } = call;
  const name = text(input, "GroupName");
  const tags = specified(input, "security-group");
  if (isOn("security-group-name-taken") && [...state.groups.values()].some((one) => one.name === name))
    throw new AwsError("InvalidGroup.Duplicate", `The security group '${name}' already exists for VPC '${vpcId}'`);
  const id = state.nextId("sg-");
  state.groups.set(id, { id, name, vpcId: text(input, "VpcId"), madeAt: state.now, tags, rules: [], heldUntil: 0 });
  return { groupId: id, return: true };
}

function group({ state }: Call, id: string): Group {
  const found = state.groups.get(id);
  if (found === undefined) throw new AwsError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
  return found;
}

function authorize(call: Call): Value {
  const { state, input, isOn } = call;
  const one = group(call, text(input, "GroupId"));
  const tags = specified(input, "security-group-rule");
  const wanted = list(input, "IpPermissions").flatMap((permission) =>
    sourcesIn(permission).map((source) => ({
      id: state.nextId("sgr-"),
      protocol: text(permission, "IpProtocol"),
      from: Number(text(permission, "FromPort")),
      to: Number(text(permission, "ToPort")),
      source,
      tags: new Map(tags),
    })),
  );
  const isNew = (rule: GroupRule): boolean => !one.rules.some((known) => keyOf(known) === keyOf(rule));
  if (isOn("rules-whole-or-not") && !wanted.every(isNew))
    throw new AwsError("InvalidPermission.Duplicate", "the specified rule already exists");
  for (const { source } of wanted) if (source.startsWith("sg-")) group(call, source);
  const added = wanted.filter(isNew);
  if (isOn("60-rules") && one.rules.length + added.length > maxRules)
    throw new AwsError(
      "RulesPerSecurityGroupLimitExceeded",
      "The maximum number of rules per security group has been reached",
    );
  one.rules.push(...added);
  return { return: true };
}

function sourcesIn(permission: Input): readonly string[] {
  return [
    ...list(permission, "IpRanges").map((range) => text(range, "CidrIp")),
    ...list(permission, "Ipv6Ranges").map((range) => text(range, "CidrIpv6")),
    ...list(permission, "PrefixListIds").map((entry) => text(entry, "PrefixListId")),
    ...list(permission, "Groups").map((entry) => text(entry, "GroupId")),
  ];
}

function keyOf({ protocol, from, to, source }: GroupRule): string {
  return [protocol, from, to, source].join(" ");
}

function revoke(call: Call): Value {
  const one = group(call, text(call.input, "GroupId"));
  const doomed = texts(call.input, "SecurityGroupRuleId").map((id) => {
    const rule = one.rules.find((known) => known.id === id);
    if (rule === undefined) throw new AwsError("InvalidSecurityGroupRuleId.NotFound", `'${id}' does not exist`);
    return rule;
  });
  for (const rule of doomed) one.rules.splice(one.rules.indexOf(rule), 1);
  return { return: true };
}

function deleteGroup(call: Call): Value {
  const { state, input, isOn } = call;
  const one = group(call, text(input, "GroupId"));
  if (isOn("group-held") && isHeld(state, one))
    throw new AwsError("DependencyViolation", `resource ${one.id} has a dependent object`);
  state.groups.delete(one.id);
  return { return: true };
}

function isHeld(state: State, { id, heldUntil }: Group): boolean {
  const isNamed = state.rules().some(({ source }) => source === id);
  return (
    isNamed || state.now < heldUntil || [...state.loadBalancers.values()].some(({ groups }) => groups.includes(id))
  );
}

function specified(input: Input, type: string): Tags {
  const found = list(input, "TagSpecification").filter((one) => text(one, "ResourceType") === type);
  return new Map(found.flatMap((one) => list(one, "Tag").map((tag) => [text(tag, "Key"), maybe(tag, "Value") ?? ""])));
}

type Facts = Readonly<Record<string, string>>;

/** What all filters of a request let through. */
function filtered<T>(
  items: readonly T[],
  input: Input,
  factsOf: (item: T) => Facts,
  tagsOf: (item: T) => Tags,
): readonly T[] {
  const filters = list(input, "Filter").map((filter) => [text(filter, "Name"), texts(filter, "Value")] as const);
  return items.filter((item) =>
    filters.every(([name, values]) => {
      const value = name.startsWith("tag:") ? tagsOf(item).get(name.slice(4)) : factsOf(item)[name];
      if (!name.startsWith("tag:") && value === undefined)
        throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
      return value !== undefined && values.some((one) => one === "*" || one === value);
    }),
  );
}

function noTags(): Tags {
  return new Map();
}

function tagSet(tags: Tags): Value {
  return [...tags].map(([key, value]) => ({ key, value }));
}
