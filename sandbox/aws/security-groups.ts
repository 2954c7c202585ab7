import type * as ec2 from "@aws-sdk/client-ec2";
import { type Call, type Given, get, type Handler, refuse } from "./call.ts";
import { type Facts, filtered } from "./network.ts";
import type { Group, GroupRule, State } from "./state.ts";
import { tagList, tagsIn } from "./tags.ts";

/** What is new is not shown so long. */
const shownMs = 1000;
const maxRules = 60;

export const securityGroupHandlers: Readonly<Record<string, Handler>> = {
  DescribeSecurityGroups: describe,
  DescribeSecurityGroupRules: describeRules,
  CreateSecurityGroup(call, input: Given<ec2.CreateSecurityGroupRequest>) {
    const { state } = call;
    const { GroupName: name, VpcId: vpcId = "", TagSpecifications: [specification] = [] } = input;
    const isTaken = [...state.groups.values()].some((one) => one.name === name);
    refuse(call, "security-group-name-taken", isTaken, `'${name}' exists in ${vpcId}`);
    const id = state.nextId("sg-");
    const tags = tagsIn(specification?.Tags);
    state.groups.set(id, { id, name, vpcId, madeAt: state.now, tags, rules: [], heldUntil: 0 });
    return { GroupId: id };
  },
  AuthorizeSecurityGroupIngress(call, input: Given<ec2.AuthorizeSecurityGroupIngressRequest>) {
    const { state } = call;
    const one = get(call, "groups", input.GroupId);
    const wanted = rulesIn(input);
    for (const { source } of wanted) if (source.startsWith("sg-")) get(call, "groups", source);
    const added = wanted.filter((rule) => !one.rules.some((known) => isSame(known, rule)));
    const [isPartial, isFull] = [added.length < wanted.length, one.rules.length + added.length > maxRules];
    refuse(call, "rules-whole-or-not", isPartial, "one of the rules already exists");
    refuse(call, "60-rules", isFull, `more than ${maxRules} rules`);
    const made = added.map((rule) => ({ ...rule, id: state.nextId("sgr-"), madeAt: state.now }));
    one.rules.push(...made);
    return { Return: true, SecurityGroupRules: made.map((rule) => shape(one.id, rule)) };
  },
  RevokeSecurityGroupIngress(
    call,
    { GroupId, SecurityGroupRuleIds: gone = [] }: Given<ec2.RevokeSecurityGroupIngressRequest>,
  ) {
    const { rules } = get(call, "groups", GroupId);
    rules.splice(0, rules.length, ...rules.filter(({ id }) => !gone.includes(id)));
    return { Return: true };
  },
  DeleteSecurityGroup(call, { GroupId }: Given<ec2.DeleteSecurityGroupRequest>) {
    const one = get(call, "groups", GroupId);
    refuse(call, "group-held", isHeld(call.state, one), `${one.id} has a dependent object`);
    call.state.groups.delete(one.id);
    return { Return: true };
  },
};

function isHeld(state: State, { id, heldUntil }: Group): boolean {
  const users = [...state.loadBalancers.values()].some(({ groups }) => groups.includes(id));
  return users || state.now < heldUntil || state.rules().some(({ source }) => source === id);
}

function describe(call: Call, input: Given<ec2.DescribeSecurityGroupsRequest>): object {
  const facts = ({ id, name, vpcId }: Group): Facts => ({ "group-id": id, "group-name": name, "vpc-id": vpcId });
  const [items, NextToken] = filtered(call, shown(call, [...call.state.groups.values()]), input, facts);
  const SecurityGroups = items.map(({ id, name, vpcId, tags }) => {
    return { GroupId: id, GroupName: name, VpcId: vpcId, Tags: tagList(tags) };
  });
  return { SecurityGroups, NextToken };
}

function describeRules(call: Call, input: Given<ec2.DescribeSecurityGroupRulesRequest>): object {
  const all = [...call.state.groups.values()].flatMap(({ id, rules }) => rules.map((rule) => ({ ...rule, group: id })));
  const [items, NextToken] = filtered(call, shown(call, all), input, ({ group }) => ({ "group-id": group }));
  return { SecurityGroupRules: items.map((rule) => shape(rule.group, rule)), NextToken };
}

function shown<T extends { readonly madeAt: number }>({ state, isOn }: Call, all: readonly T[]): readonly T[] {
  return all.filter(({ madeAt }) => !isOn("shown-later") || state.now - madeAt >= shownMs);
}

function shape(group: string, { id, protocol, from, to, source, tags }: GroupRule): object {
  return {
    SecurityGroupRuleId: id,
    GroupId: group,
    IsEgress: false,
    IpProtocol: protocol,
    FromPort: from,
    ToPort: to,
    ...sourceOf(source),
    Tags: tagList(tags),
  };
}

function sourceOf(source: string): object {
  if (source.startsWith("pl-")) return { PrefixListId: source };
  if (source.startsWith("sg-")) return { ReferencedGroupInfo: { GroupId: source } };
  return source.includes(":") ? { CidrIpv6: source } : { CidrIpv4: source };
}

type Rule = Omit<GroupRule, "id" | "madeAt">;

/** The rules that a request wants, one for each source. */
function rulesIn(input: Given<ec2.AuthorizeSecurityGroupIngressRequest>): readonly Rule[] {
  const { IpPermissions = [], TagSpecifications: [specification] = [] } = input;
  return IpPermissions.flatMap(({ IpProtocol: protocol = "", FromPort: from = 0, ToPort: to = 0, ...lists }) => {
    const { IpRanges = [], Ipv6Ranges = [], PrefixListIds = [], UserIdGroupPairs = [] } = lists;
    const all = [...IpRanges, ...Ipv6Ranges, ...PrefixListIds, ...UserIdGroupPairs];
    const sources = all.flatMap((one) => Object.values(one));
    return sources.map((source) => ({ protocol, from, to, source, tags: tagsIn(specification?.Tags) }));
  });
}

/** Whether they let in the same. */
function isSame(a: Rule, b: Rule): boolean {
  return a.protocol === b.protocol && a.from === b.from && a.to === b.to && a.source === b.source;
}
