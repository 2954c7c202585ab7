import type { Filter, SecurityGroup, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { Aws } from "../aws.ts";
import { tagKeys } from "../identity.ts";
import type { NodeRule, ObservedGroup, ObservedRule } from "../observation.ts";
import { allPages } from "../pages.ts";
import { pairsOf } from "./owned.ts";
import type { Recent } from "./recent.ts";

const protocols: readonly string[] = ["tcp", "udp", "icmp", "icmpv6"];

/** Security groups, by what AWS is asked for. */
export async function describeGroups(
  aws: Aws,
  filters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly SecurityGroup[]> {
  const input = { Filters: filtersOf(filters), MaxResults: 1000 };
  return await allPages(aws, "DescribeSecurityGroups", input, (page) => page.SecurityGroups, signal);
}

/** What these security groups let in. */
export async function describeRules(
  aws: Aws,
  filters: Readonly<Record<string, string | readonly string[]>>,
  signal: AbortSignal,
): Promise<readonly SecurityGroupRule[]> {
  const input = { Filters: filtersOf(filters), MaxResults: 1000 };
  const all = await allPages(aws, "DescribeSecurityGroupRules", input, (page) => page.SecurityGroupRules, signal);
  return all.filter(({ IsEgress }) => IsEgress !== true);
}

export function observeGroup(
  { GroupId: id = "", GroupName: name = "", Tags }: SecurityGroup,
  rules: readonly SecurityGroupRule[],
): ObservedGroup {
  return { id, name, tags: pairsOf(Tags), rules: rulesOf(id, rules) };
}

/** Those of one security group. */
export function rulesOf(group: string, rules: readonly SecurityGroupRule[]): readonly ObservedRule[] {
  return rules.filter(({ GroupId }) => GroupId === group).flatMap(observeRule);
}

/** Ours in the security groups of nodes. `recent`: what this process let in lately. */
export async function nodeRules(
  aws: Aws,
  clusterId: string,
  signal: AbortSignal,
  recent?: Recent,
): Promise<readonly NodeRule[]> {
  const filters = { [`tag:${tagKeys.cluster}`]: clusterId, [`tag:${tagKeys.rule}`]: "*" };
  const shown = await describeRules(aws, filters, signal);
  const isOurs = ({ Tags }: SecurityGroupRule): boolean => {
    const tags = pairsOf(Tags);
    return tags[tagKeys.cluster] === clusterId && tags[tagKeys.rule] !== undefined;
  };
  const all = recent?.withRules(shown, isOurs) ?? shown;
  return all.flatMap((rule) => observeRule(rule).map((one) => ({ ...one, group: rule.GroupId ?? "" })));
}

/** None for protocols that we never write. */
function observeRule(found: SecurityGroupRule): readonly ObservedRule[] {
  const { SecurityGroupRuleId: id = "", IpProtocol: protocol = "", FromPort: from = 0, ToPort: to = 0 } = found;
  if (!protocols.includes(protocol)) return [];
  const source = found.CidrIpv4 ?? found.CidrIpv6 ?? found.PrefixListId ?? found.ReferencedGroupInfo?.GroupId ?? "";
  return [{ id, protocol: protocol as ObservedRule["protocol"], from, to, source, tags: pairsOf(found.Tags) }];
}

function filtersOf(filters: Readonly<Record<string, string | readonly string[]>>): Filter[] {
  return Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value].flat() }));
}
