import type * as ec2 from "@aws-sdk/client-ec2";
import { type Call, type Given, get, type Handler, refuse } from "./call.ts";
import { type Facts, filtered } from "./network.ts";
import { AwsError } from "./protocol/index.ts";
import type { Group, GroupRule, State } from "./state.ts";
import { tagList, tagsIn } from "./tags.ts";

/** What is new is not shown so long. */
const shownMs = 15;
const maxRules = 60;

export const securityGroupHandlers: Readonly<Record<string, Handler>> = {
  DescribeSecurityGroups: describe,
  DescribeSecurityGroupRules: describeRules,
  CreateSecurityGroup(call, input: Given<ec2.CreateSecurityGroupRequest>) {
    const { state } = call;
    const { GroupName: name, VpcId: vpcId = "", TagSpecifications: [specification] = [] } = input;
    const isTaken = [...state.groups.values()].some((one) => one.name === name);
    refuse(call, "security-group-name-taken", isTaken, "InvalidGroup.Duplicate", `'${name}' exists in ${vpcId}`);
    const id = state.nextId("sg-");
    const tags = tagsIn(specification?.Tags);
    state.groups.set(id, { id, name, vpcId, madeAt: state.now, tags, rules: [], heldUntil: 0 });
    return { GroupId: id };
  },
  AuthorizeSecurityGroupIngress(call, input: Given<ec2.AuthorizeSecurityGroupIngressRequest>) {
    const { state } = call;
    const one = get(state, "groups", input.GroupId);
    const wanted = rulesIn(input);
    for (const { source } of wanted) if (source.startsWith("sg-")) get(state, "groups", source);
    const added = wanted.filter((rule) => !one.rules.some((known) => isSame(known, rule)));
    const [isPartial, isFull] = [added.length < wanted.length, one.rules.length + added.length > maxRules];
    refuse(call, "rules-whole-or-not", isPartial, "InvalidPermission.Duplicate", "one of the rules already exists");
    refuse(call, "60-rules", isFull, "RulesPerSecurityGroupLimitExceeded", `more than ${maxRules} rules`);
    one.rules.push(...added.map((rule) => ({ ...rule, id: state.nextId("sgr-") })));
    return { Return: true };
  },
  RevokeSecurityGroupIngress({ state }, input: Given<ec2.RevokeSecurityGroupIngressRequest>) {
    const { rules } = get(state, "groups", input.GroupId);
    const doomed = (input.SecurityGroupRuleIds ?? []).map((id) => {
      const at = rules.find((known) => known.id === id);
      if (at === undefined) throw new AwsError("InvalidSecurityGroupRuleId.NotFound", `'${id}' does not exist`);
      return at;
    });
    for (const rule of doomed) rules.splice(rules.indexOf(rule), 1);
    return { Return: true };
  },
  DeleteSecurityGroup(call, { GroupId }: Given<ec2.DeleteSecurityGroupRequest>) {
    const { state } = call;
    const one = get(state, "groups", GroupId);
    refuse(call, "group-held", isHeld(state, one), "DependencyViolation", `${one.id} has a dependent object`);
    state.groups.delete(one.id);
    return { Return: true };
  },
};

function isHeld(state: State, { id, heldUntil }: Group): boolean {
  const users = [...state.loadBalancers.values()].some(({ groups }) => groups.includes(id));
  return users || state.now < heldUntil || state.rules().some(({ source }) => source === id);
}

function describe(call: Call, input: Given<ec2.DescribeSecurityGroupsRequest>): object {
  const { state, isOn } = call;
  const isShown = ({ madeAt }: Group): boolean => !isOn("shown-later") || state.now - madeAt >= shownMs;
  const facts = ({ id, name, vpcId }: Group): Facts => ({ "group-id": id, "group-name": name, "vpc-id": vpcId });
  const [items, NextToken] = filtered(call, [...state.groups.values()].filter(isShown), input, facts);
  return {
    SecurityGroups: items.map(({ id, name, vpcId, tags }) => ({
      GroupId: id,
      GroupName: name,
      VpcId: vpcId,
      Tags: tagList(tags),
    })),
    NextToken,
  };
}

function describeRules(call: Call, input: Given<ec2.DescribeSecurityGroupRulesRequest>): object {
  const all = [...call.state.groups.values()].flatMap(({ id, rules }) => rules.map((rule) => ({ ...rule, group: id })));
  const [items, NextToken] = filtered(call, all, input, ({ group }) => ({ "group-id": group }));
  return {
    SecurityGroupRules: items.map(({ id, group, protocol, from, to, source, tags }) => ({
      SecurityGroupRuleId: id,
      GroupId: group,
      IsEgress: false,
      IpProtocol: protocol,
      FromPort: from,
      ToPort: to,
      ...sourceOf(source),
      Tags: tagList(tags),
    })),
    NextToken,
  };
}

function sourceOf(source: string): object {
  if (source.startsWith("pl-")) return { PrefixListId: source };
  if (source.startsWith("sg-")) return { ReferencedGroupInfo: { GroupId: source } };
  return source.includes(":") ? { CidrIpv6: source } : { CidrIpv4: source };
}

type Rule = Omit<GroupRule, "id">;

/** The rules that a request wants, one for each source. */
function rulesIn({
  IpPermissions = [],
  TagSpecifications: [specification] = [],
}: Given<ec2.AuthorizeSecurityGroupIngressRequest>): readonly Rule[] {
  return IpPermissions.flatMap((permission) => {
    const { IpProtocol: protocol = "", FromPort: from = 0, ToPort: to = 0 } = permission;
    const { IpRanges = [], Ipv6Ranges = [], PrefixListIds = [], UserIdGroupPairs = [] } = permission;
    const sources = [
      ...IpRanges.map(({ CidrIp }) => CidrIp),
      ...Ipv6Ranges.map(({ CidrIpv6 }) => CidrIpv6),
      ...PrefixListIds.map(({ PrefixListId }) => PrefixListId),
      ...UserIdGroupPairs.map(({ GroupId }) => GroupId),
    ];
    return sources.map((source = "") => ({ protocol, from, to, source, tags: tagsIn(specification?.Tags) }));
  });
}

/** Whether they let in the same. */
function isSame(a: Rule, b: Rule): boolean {
  return a.protocol === b.protocol && a.from === b.from && a.to === b.to && a.source === b.source;
}
