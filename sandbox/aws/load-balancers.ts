import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { attributeHandlers, defaultAttributes } from "./attributes.ts";
import { type Call, described, type Given, get, type Handler, refuse } from "./call.ts";
import { AwsError } from "./protocol/index.ts";
import { type LoadBalancer, region, type State, vpcId } from "./state.ts";
import { tagsIn } from "./tags.ts";

/** AWS sets one up for so long. */
const provisioningMs = 120_000;
/** Network interfaces are let go of so long after. */
const releaseMs = 40_000;

export const loadBalancerHandlers: Readonly<Record<string, Handler>> = {
  CreateLoadBalancer: create,
  DescribeLoadBalancers: (call, { LoadBalancerArns, Names, ...paging }: Given<elb.DescribeLoadBalancersInput>) => {
    const [items, NextMarker] = described(call, "loadBalancers", { arns: LoadBalancerArns, names: Names, ...paging });
    return { LoadBalancers: items.map((one) => shown(call, one)), NextMarker };
  },
  SetSubnets: setSubnets,
  SetSecurityGroups: setSecurityGroups,
  DeleteLoadBalancer: remove,
  ...attributeHandlers("LoadBalancer"),
};

/** One that was made by just such a request; refuses what cannot be made. `word`: AWS' for a name that is taken. */
export function madeBefore<T extends { readonly name: string; readonly wish: string }>(
  call: Call,
  all: ReadonlyMap<string, T>,
  { Name, ...rest }: { readonly Name: string },
  word: string,
): T | undefined {
  const isName = /^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/.test(Name);
  refuse(call, "name-of-32", !isName, "ValidationError", `'${Name}' must be 32 letters, digits and hyphens at most`);
  const known = [...all.values()].find(({ name }) => name === Name);
  if (known?.wish === wishOf(rest) && call.isOn("same-again-is-the-same")) return known;
  refuse(call, "name-taken", known !== undefined, word, `'${Name}' exists, but with different settings`);
  return undefined;
}

/** What is made of it is the same as long as this is. */
export function wishOf({
  Tags: _tags,
  Name: _name,
  ...rest
}: {
  readonly Tags?: unknown;
  readonly Name?: unknown;
}): string {
  return JSON.stringify(rest);
}

function create(call: Call, input: Given<elb.CreateLoadBalancerInput>): object {
  const { state } = call;
  const { Name: name, SecurityGroups: groups = [], Scheme = "internet-facing", IpAddressType = "ipv4" } = input;
  const known = madeBefore(call, state.loadBalancers, input, "DuplicateLoadBalancerName");
  if (known !== undefined) return { LoadBalancers: [shown(call, known)] };
  checkGroups(call, groups);
  const made: LoadBalancer = {
    arn: state.arn("loadbalancer/net", name),
    name,
    scheme: Scheme,
    wish: wishOf(input),
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

function subnetsIn(call: Call, input: Given<Pick<elb.SetSubnetsInput, "SubnetMappings">>): readonly string[] {
  const { state } = call;
  const { SubnetMappings: mappings = [] } = input;
  for (const { SubnetId = "", AllocationId } of mappings) {
    if (!state.subnets.has(SubnetId)) throw new AwsError("SubnetNotFound", `The subnet '${SubnetId}' does not exist`);
    if (AllocationId !== undefined && !state.allocations.has(AllocationId))
      throw new AwsError("AllocationIdNotFound", `The allocation IDs '${AllocationId}' do not exist`);
  }
  const ids = mappings.map(({ SubnetId = "" }) => SubnetId);
  const isTwice = new Set(ids.map((id) => state.subnets.get(id)?.zone)).size < ids.length;
  refuse(call, "one-subnet-per-zone", isTwice, "InvalidConfigurationRequest", "multiple subnets in one zone");
  return ids;
}

function checkGroups({ state }: Call, ids: readonly string[]): void {
  for (const id of ids)
    if (!state.groups.has(id)) throw new AwsError("InvalidSecurityGroup", `Security group '${id}' does not exist`);
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
  const one = get(call.state, "loadBalancers", input.LoadBalancerArn);
  one.subnets = subnetsIn(call, input);
  one.ipAddressType = input.IpAddressType ?? one.ipAddressType;
  one.sourceNat = input.EnablePrefixForIpv6SourceNat ?? one.sourceNat;
  return {};
}

function setSecurityGroups(call: Call, input: Given<elb.SetSecurityGroupsInput>): object {
  const { state } = call;
  const { SecurityGroups: groups, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: privateLink } = input;
  const one = get(state, "loadBalancers", input.LoadBalancerArn);
  const isOther = (groups.length === 0) !== (one.groups.length === 0);
  refuse(
    call,
    "groups-for-ever",
    isOther,
    "InvalidConfigurationRequest",
    "security groups are there from the beginning",
  );
  checkGroups(call, groups);
  const gone = one.groups.filter((id) => !groups.includes(id));
  release(state, gone, state.now);
  one.groups = groups;
  one.privateLink = privateLink ?? one.privateLink;
  return {};
}

function remove(call: Call, { LoadBalancerArn: arn }: Given<elb.DeleteLoadBalancerInput>): object {
  const { state } = call;
  const one = state.loadBalancers.get(arn);
  const isProtected = one?.attributes.get("deletion_protection.enabled") === "true";
  refuse(call, "protected", isProtected, "OperationNotPermitted", `'${arn}' has deletion protection enabled`);
  for (const listener of state.listenersOf(arn)) state.listeners.delete(listener.arn);
  release(state, one?.groups ?? [], state.now + releaseMs);
  state.loadBalancers.delete(arn);
  return {};
}

function release({ groups }: State, ids: readonly string[], heldUntil: number): void {
  for (const id of ids) {
    const group = groups.get(id);
    if (group !== undefined) group.heldUntil = heldUntil;
  }
}
