import { attributeHandlers } from "./attributes.ts";
import { AwsError, type Call, type Handler, list, maybe, page, tagsIn, text, texts } from "./call.ts";
import { type LoadBalancer, region, type State, vpcId } from "./state.ts";
import type { Input, Value } from "./wire.ts";

/** AWS sets one up for so long. */
const provisioningMs = 120_000;
/** Network interfaces are let go of so long after. */
const releaseMs = 40_000;

export const loadBalancerHandlers: Readonly<Record<string, Handler>> = {
  CreateLoadBalancer: create,
  DescribeLoadBalancers: describe,
  SetSubnets: setSubnets,
  SetSecurityGroups: setSecurityGroups,
  DeleteLoadBalancer: remove,
  ...attributeHandlers("LoadBalancer", ({ state }, arn) => state.loadBalancers.get(arn)),
};

export function loadBalancer({ state }: Call, arn: string): LoadBalancer {
  const found = state.loadBalancers.get(arn);
  if (found === undefined) throw new AwsError("LoadBalancerNotFound", `Load balancer '${arn}' not found`);
  return found;
}

function create(call: Call): Value {
  const { state, input, isOn } = call;
  const [name, scheme] = [text(input, "Name"), maybe(input, "Scheme") ?? "internet-facing"];
  if (text(input, "Type") !== "network" || !/^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/.test(name))
    throw new AwsError("ValidationError", `${name} cannot be a network load balancer's name`);
  const tags = tagsIn(input, "Tags");
  const { Tags: _tags, ...rest } = input;
  const wish = JSON.stringify(rest);
  const known = [...state.loadBalancers.values()].find((one) => one.name === name);
  if (known !== undefined && known.wish === wish && isOn("same-again-is-the-same"))
    return { LoadBalancers: [shown(call, known)] };
  if (known !== undefined && isOn("name-taken"))
    throw new AwsError(
      "DuplicateLoadBalancerName",
      `A load balancer with the same name '${name}' exists, but with different settings`,
    );
  const groups = texts(input, "SecurityGroups");
  checkGroups(call, groups);
  const made: LoadBalancer = {
    arn: state.arn("loadbalancer/net", name),
    name,
    scheme,
    wish,
    madeAt: state.now,
    ipAddressType: maybe(input, "IpAddressType") ?? "ipv4",
    sourceNat: maybe(input, "EnablePrefixForIpv6SourceNat") ?? "off",
    subnets: subnetsIn(call),
    groups,
    privateLink: "on",
    attributes: new Map(Object.entries(defaults)),
    tags,
  };
  state.loadBalancers.set(made.arn, made);
  return { LoadBalancers: [shown(call, made)] };
}

const defaults = {
  "access_logs.s3.bucket": "",
  "access_logs.s3.enabled": "false",
  "access_logs.s3.prefix": "",
  "deletion_protection.enabled": "false",
  "dns_record.client_routing_policy": "any_availability_zone",
  "load_balancing.cross_zone.enabled": "false",
  "zonal_shift.config.enabled": "false",
};

function subnetsIn({ state, input, isOn }: Call): readonly string[] {
  const ids = list(input, "SubnetMappings").map((mapping) => text(mapping, "SubnetId"));
  const zones = ids.map((id) => {
    const found = state.subnets.get(id);
    if (found === undefined) throw new AwsError("SubnetNotFound", `The subnet ID '${id}' does not exist`);
    return found.zone;
  });
  if (ids.length === 0) throw new AwsError("ValidationError", "At least one subnet must be specified");
  if (isOn("one-subnet-per-zone") && new Set(zones).size < zones.length)
    throw new AwsError(
      "InvalidConfigurationRequest",
      "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
  for (const { AllocationId: allocation } of list(input, "SubnetMappings"))
    if (typeof allocation === "string" && !state.allocations.has(allocation))
      throw new AwsError("AllocationIdNotFound", `The allocation IDs '${allocation}' do not exist`);
  return ids;
}

function checkGroups({ state }: Call, ids: readonly string[]): void {
  for (const id of ids)
    if (!state.groups.has(id)) throw new AwsError("InvalidSecurityGroup", `Security group '${id}' does not exist`);
}

function describe(call: Call): Value {
  const { state, input, isOn } = call;
  const [arns, names] = [texts(input, "LoadBalancerArns"), texts(input, "Names")];
  if (arns.length === 0 && names.length === 0)
    throw new AwsError("AccessDenied", "the account is not ours to list", 403);
  if (isOn("batch-of-20") && arns.length > 20) throw new AwsError("ValidationError", "more than 20 ARNs");
  const found = [...state.loadBalancers.values()].filter(({ arn, name }) => arns.includes(arn) || names.includes(name));
  if (isOn("batch-fails-whole") && found.length < arns.length + names.length)
    throw new AwsError("LoadBalancerNotFound", "One or more load balancers not found");
  const [items, NextMarker] = page(call, found, "Marker");
  return { LoadBalancers: items.map((one) => shown(call, one)), NextMarker };
}

function shown({ state }: Call, one: LoadBalancer): Value {
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

function setSubnets(call: Call): Value {
  const { input } = call;
  const one = loadBalancer(call, text(input, "LoadBalancerArn"));
  one.subnets = subnetsIn(call);
  one.ipAddressType = maybe(input, "IpAddressType") ?? one.ipAddressType;
  one.sourceNat = maybe(input, "EnablePrefixForIpv6SourceNat") ?? one.sourceNat;
  return {};
}

function setSecurityGroups(call: Call): Value {
  const { state, input, isOn } = call;
  const one = loadBalancer(call, text(input, "LoadBalancerArn"));
  const groups = texts(input, "SecurityGroups");
  if (isOn("groups-for-ever") && (groups.length === 0) !== (one.groups.length === 0))
    throw new AwsError("InvalidConfigurationRequest", "security groups can only be there from the beginning");
  checkGroups(call, groups);
  release(
    call,
    one.groups.filter((id) => !groups.includes(id)),
    state.now,
  );
  one.groups = groups;
  one.privateLink = maybe(input, "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") ?? one.privateLink;
  return {};
}

function remove(call: Call): Value {
  const { state, input, isOn } = call;
  const one = state.loadBalancers.get(text(input, "LoadBalancerArn"));
  if (one === undefined) return {};
  if (isOn("protected") && one.attributes.get("deletion_protection.enabled") === "true")
    throw new AwsError(
      "OperationNotPermitted",
      `Load balancer '${one.arn}' cannot be deleted because deletion protection is enabled`,
    );
  for (const { arn } of state.listenersOf(one.arn)) state.listeners.delete(arn);
  state.loadBalancers.delete(one.arn);
  release(call, one.groups, state.now + releaseMs);
  return {};
}

function release({ state }: Call, ids: readonly string[], heldUntil: number): void {
  for (const id of ids) {
    const group = state.groups.get(id);
    if (group !== undefined) group.heldUntil = heldUntil;
  }
}

/** What stands for a structure that a request must have. */
export function structure(input: Input, name: string): Input {
  const value = input[name];
  if (value === undefined || typeof value === "string" || Array.isArray(value))
    throw new AwsError("ValidationError", `${name} is missing`);
  return value as Input;
}
