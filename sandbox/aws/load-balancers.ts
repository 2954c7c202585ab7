import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { attributeHandlers, defaultAttributes } from "./attributes.ts";
import { type Call, creation, described, type Given, get, type Handler, refuse } from "./call.ts";
import { type LoadBalancer, region, type State, vpcId } from "./state.ts";
import { tagsIn } from "./tags.ts";

/** AWS sets one up for so long. */
const provisioningMs = 120_000;
/** Network interfaces are let go of so long after. */
const releaseMs = 40_000;

export const loadBalancerHandlers: Readonly<Record<string, Handler>> = {
  CreateLoadBalancer: create,
  DescribeLoadBalancers(call, { LoadBalancerArns: arns, Names, ...paging }: Given<elb.DescribeLoadBalancersInput>) {
    const [items, NextMarker] = described(call, "loadBalancers", arns, Names, paging);
    return { LoadBalancers: items.map((one) => shown(call, one)), NextMarker };
  },
  SetSubnets: setSubnets,
  SetSecurityGroups: setSecurityGroups,
  DeleteLoadBalancer: remove,
  ...attributeHandlers("LoadBalancer"),
};

function create(call: Call, input: Given<elb.CreateLoadBalancerInput>): object {
  const { state } = call;
  const { Name: name, SecurityGroups: groups = [], Scheme = "internet-facing", IpAddressType = "ipv4" } = input;
  const { known, wish } = creation(call, "loadBalancers", input);
  if (known !== undefined) return { LoadBalancers: [shown(call, known)] };
  const made: LoadBalancer = {
    arn: state.arn("loadbalancer/net", name),
    name,
    scheme: Scheme,
    wish,
    madeAt: state.now,
    ipAddressType: IpAddressType,
    sourceNat: input.EnablePrefixForIpv6SourceNat ?? "off",
    subnets: subnetsIn(call, input),
    groups,
    privateLink: "on",
    attributes: defaultAttributes("LoadBalancer"),
    tags: tagsIn(input.Tags),
  };
  state.loadBalancers.set(made.arn, made);
  return { LoadBalancers: [shown(call, made)] };
}

function subnetsIn(
  call: Call,
  { SubnetMappings = [] }: Pick<Given<elb.SetSubnetsInput>, "SubnetMappings">,
): readonly string[] {
  const ids = SubnetMappings.map(({ SubnetId = "" }) => SubnetId);
  const isTwice = new Set(ids.map((id) => call.state.subnets.get(id)?.zone)).size < ids.length;
  refuse(call, "one-subnet-per-zone", isTwice, "multiple subnets in one zone");
  return ids;
}

function shown({ state }: Call, one: LoadBalancer): object {
  return {
    LoadBalancerArn: one.arn,
    LoadBalancerName: one.name,
    DNSName: hostnameOf(one),
    Scheme: one.scheme,
    VpcId: vpcId,
    State: { Code: isActive(state, one) ? "active" : "provisioning" },
    Type: "network",
    IpAddressType: one.ipAddressType,
    EnablePrefixForIpv6SourceNat: one.sourceNat,
    AvailabilityZones: one.subnets.map((id) => ({ SubnetId: id, ZoneName: state.subnets.get(id)?.zone })),
    ...(one.groups.length > 0 && {
      SecurityGroups: one.groups,
      EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: one.privateLink,
    }),
  };
}

export function hostnameOf({ name }: LoadBalancer): string {
  return `${name}-0123456789abcdef.elb.${region}.amazonaws.com`;
}

export function isActive({ now }: State, { madeAt }: LoadBalancer): boolean {
  return now - madeAt >= provisioningMs;
}

function setSubnets(call: Call, input: Given<elb.SetSubnetsInput>): object {
  const one = get(call, "loadBalancers", input.LoadBalancerArn);
  one.subnets = subnetsIn(call, input);
  one.ipAddressType = input.IpAddressType ?? one.ipAddressType;
  one.sourceNat = input.EnablePrefixForIpv6SourceNat ?? one.sourceNat;
  return {};
}

function setSecurityGroups(call: Call, input: Given<elb.SetSecurityGroupsInput>): object {
  const { SecurityGroups: groups, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: privateLink } = input;
  const one = get(call, "loadBalancers", input.LoadBalancerArn);
  const isOther = (groups.length === 0) !== (one.groups.length === 0);
  refuse(call, "groups-for-ever", isOther, "security groups are there from the beginning");
  one.groups = groups;
  one.privateLink = privateLink ?? one.privateLink;
  return {};
}

function remove(call: Call, { LoadBalancerArn: arn }: Given<elb.DeleteLoadBalancerInput>): object {
  const { state } = call;
  const one = state.loadBalancers.get(arn);
  const isProtected = one?.attributes.get("deletion_protection.enabled") === "true";
  refuse(call, "protected", isProtected, `'${arn}' has deletion protection enabled`);
  for (const listener of state.listenersOf(arn)) state.listeners.delete(listener.arn);
  for (const id of one?.groups ?? []) release(state, id);
  state.loadBalancers.delete(arn);
  return {};
}

/** Its network interfaces hold on to a security group for a while. */
function release({ groups, now }: State, id: string): void {
  const group = groups.get(id);
  if (group !== undefined) group.heldUntil = now + releaseMs;
}
