import type * as ec2 from "@aws-sdk/client-ec2";
import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { assertNever } from "../../src/base/index.ts";
import { parseCidr } from "../../src/net/index.ts";
import type { Action, ListenerContent, Ref, SubnetMapping } from "./actions.ts";
import type { Rule } from "./observation.ts";
import type { HealthCheckSpec, Pairs } from "./schema/index.ts";

interface ElbInputs {
  readonly AddListenerCertificates: elb.AddListenerCertificatesCommandInput;
  readonly AddTags: elb.AddTagsCommandInput;
  readonly CreateListener: elb.CreateListenerCommandInput;
  readonly CreateLoadBalancer: elb.CreateLoadBalancerCommandInput;
  readonly CreateTargetGroup: elb.CreateTargetGroupCommandInput;
  readonly DeleteListener: elb.DeleteListenerCommandInput;
  readonly DeleteLoadBalancer: elb.DeleteLoadBalancerCommandInput;
  readonly DeleteTargetGroup: elb.DeleteTargetGroupCommandInput;
  readonly DeregisterTargets: elb.DeregisterTargetsCommandInput;
  readonly ModifyListener: elb.ModifyListenerCommandInput;
  readonly ModifyListenerAttributes: elb.ModifyListenerAttributesCommandInput;
  readonly ModifyLoadBalancerAttributes: elb.ModifyLoadBalancerAttributesCommandInput;
  readonly ModifyTargetGroup: elb.ModifyTargetGroupCommandInput;
  readonly ModifyTargetGroupAttributes: elb.ModifyTargetGroupAttributesCommandInput;
  readonly RegisterTargets: elb.RegisterTargetsCommandInput;
  readonly RemoveListenerCertificates: elb.RemoveListenerCertificatesCommandInput;
  readonly RemoveTags: elb.RemoveTagsCommandInput;
  readonly SetSecurityGroups: elb.SetSecurityGroupsCommandInput;
  readonly SetSubnets: elb.SetSubnetsCommandInput;
}

interface Ec2Inputs {
  readonly AuthorizeSecurityGroupIngress: ec2.AuthorizeSecurityGroupIngressCommandInput;
  readonly CreateSecurityGroup: ec2.CreateSecurityGroupCommandInput;
  readonly CreateTags: ec2.CreateTagsCommandInput;
  readonly DeleteSecurityGroup: ec2.DeleteSecurityGroupCommandInput;
  readonly DeleteTags: ec2.DeleteTagsCommandInput;
  readonly RevokeSecurityGroupIngress: ec2.RevokeSecurityGroupIngressCommandInput;
}

type CallOf<Api extends string, Inputs> = {
  [Name in keyof Inputs]: { readonly api: Api; readonly name: Name; readonly input: Inputs[Name] };
}[keyof Inputs];

/** One request that changes something, as the SDK takes it. */
export type WriteCall = CallOf<"elb", ElbInputs> | CallOf<"ec2", Ec2Inputs>;

/** The request that an action is; `idOf` tells what a reference to an earlier step has become. */
export function callOf(action: Action, idOf: (ref: Ref) => string): WriteCall {
  switch (action.kind) {
    case "createLoadBalancer":
    case "setSubnets":
    case "setSecurityGroups":
    case "deleteLoadBalancer":
      return loadBalancerCall(action, idOf);
    case "createTargetGroup":
    case "modifyTargetGroup":
    case "deleteTargetGroup":
    case "registerTargets":
    case "deregisterTargets":
      return targetGroupCall(action);
    case "createListener":
    case "modifyListener":
    case "addCertificates":
    case "removeCertificates":
    case "deleteListener":
      return listenerCall(action, idOf);
    case "createGroup":
    case "authorize":
    case "revoke":
    case "deleteGroup":
      return groupCall(action, idOf);
    case "setAttributes":
      return attributesCall(action, idOf);
    case "addTags":
    case "removeTags":
      return tagsCall(action);
    default:
      return assertNever(action, "action");
  }
}

type Of<Kind extends Action["kind"]> = Extract<Action, { readonly kind: Kind }>;

function loadBalancerCall(
  action: Of<"createLoadBalancer" | "setSubnets" | "setSecurityGroups" | "deleteLoadBalancer">,
  idOf: (ref: Ref) => string,
): WriteCall {
  const api = "elb";
  switch (action.kind) {
    case "createLoadBalancer": {
      const input: ElbInputs["CreateLoadBalancer"] = {
        Name: action.name,
        Type: "network",
        Scheme: action.scheme,
        ...placeOf(action),
        Tags: pairsOf(action.tags),
        // An empty list would not be the same as none.
        ...(action.groups.length > 0 && { SecurityGroups: action.groups.map(idOf) }),
      };
      return { api, name: "CreateLoadBalancer", input };
    }
    case "setSubnets":
      return { api, name: "SetSubnets", input: { LoadBalancerArn: action.arn, ...placeOf(action) } };
    case "setSecurityGroups": {
      const { privateLink } = action;
      const input: ElbInputs["SetSecurityGroups"] = {
        LoadBalancerArn: idOf(action.arn),
        SecurityGroups: action.groups.map(idOf),
        ...(privateLink !== undefined && {
          EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: privateLink ? "on" : "off",
        }),
      };
      return { api, name: "SetSecurityGroups", input };
    }
    case "deleteLoadBalancer":
      return { api, name: "DeleteLoadBalancer", input: { LoadBalancerArn: action.arn } };
    default:
      return assertNever(action, "action");
  }
}

function placeOf({
  ipAddressType,
  sourceNat,
  subnets,
}: Pick<Of<"setSubnets">, "ipAddressType" | "sourceNat" | "subnets">): Pick<
  elb.SetSubnetsInput,
  "IpAddressType" | "EnablePrefixForIpv6SourceNat" | "SubnetMappings"
> {
  return {
    IpAddressType: ipAddressType,
    // AWS knows it of load balancers with IPv6 only.
    ...(ipAddressType === "dualstack" && { EnablePrefixForIpv6SourceNat: sourceNat ? "on" : "off" }),
    SubnetMappings: subnets.map(mappingOf),
  };
}

function mappingOf({ subnet, allocation, privateIpv4, ipv6 }: SubnetMapping): elb.SubnetMapping {
  return {
    SubnetId: subnet,
    ...(allocation !== undefined && { AllocationId: allocation }),
    ...(privateIpv4 !== undefined && { PrivateIPv4Address: privateIpv4 }),
    ...(ipv6 !== undefined && { IPv6Address: ipv6 }),
  };
}

function targetGroupCall(
  action: Of<"createTargetGroup" | "modifyTargetGroup" | "deleteTargetGroup" | "registerTargets" | "deregisterTargets">,
): WriteCall {
  const api = "elb";
  switch (action.kind) {
    case "createTargetGroup": {
      const input: ElbInputs["CreateTargetGroup"] = {
        Name: action.name,
        Protocol: action.protocol,
        Port: action.port,
        VpcId: action.vpcId,
        TargetType: "instance",
        HealthCheckEnabled: true,
        HealthCheckProtocol: action.healthCheck.protocol,
        ...healthOf(action.healthCheck),
        Tags: pairsOf(action.tags),
      };
      return { api, name: "CreateTargetGroup", input };
    }
    case "modifyTargetGroup": {
      const input = { TargetGroupArn: action.arn, ...healthOf(action.healthCheck) };
      return { api, name: "ModifyTargetGroup", input };
    }
    case "deleteTargetGroup":
      return { api, name: "DeleteTargetGroup", input: { TargetGroupArn: action.arn } };
    case "registerTargets":
      return { api, name: "RegisterTargets", input: targetsOf(action) };
    case "deregisterTargets":
      return { api, name: "DeregisterTargets", input: targetsOf(action) };
    default:
      return assertNever(action, "action");
  }
}

/** Without the protocol, which AWS does not change. */
function healthOf({ port, http, ...timing }: HealthCheckSpec): Partial<elb.ModifyTargetGroupInput> {
  return {
    HealthCheckPort: `${port}`,
    HealthCheckIntervalSeconds: timing.intervalSeconds,
    HealthCheckTimeoutSeconds: timing.timeoutSeconds,
    HealthyThresholdCount: timing.healthyThreshold,
    UnhealthyThresholdCount: timing.unhealthyThreshold,
    ...(http !== undefined && { HealthCheckPath: http.path, Matcher: { HttpCode: http.codes } }),
  };
}

/** Always with the port: an instance may be there with two of them. */
function targetsOf({ targetGroup, targets }: Of<"registerTargets" | "deregisterTargets">): elb.RegisterTargetsInput {
  return { TargetGroupArn: targetGroup, Targets: targets.map(({ id, port }) => ({ Id: id, Port: port })) };
}

function listenerCall(
  action: Of<"createListener" | "modifyListener" | "addCertificates" | "removeCertificates" | "deleteListener">,
  idOf: (ref: Ref) => string,
): WriteCall {
  const api = "elb";
  switch (action.kind) {
    case "createListener": {
      const where = { LoadBalancerArn: idOf(action.loadBalancer), Port: action.port };
      const input = { ...where, ...contentOf(action.content, idOf), Tags: pairsOf(action.tags) };
      return { api, name: "CreateListener", input };
    }
    case "modifyListener": {
      const input = { ListenerArn: action.arn, ...contentOf(action.content, idOf) };
      return { api, name: "ModifyListener", input };
    }
    case "addCertificates": {
      const input = { ListenerArn: idOf(action.listener), Certificates: certificatesOf(action.certificates) };
      return { api, name: "AddListenerCertificates", input };
    }
    case "removeCertificates": {
      const input = { ListenerArn: action.listener, Certificates: certificatesOf(action.certificates) };
      return { api, name: "RemoveListenerCertificates", input };
    }
    case "deleteListener":
      return { api, name: "DeleteListener", input: { ListenerArn: action.arn } };
    default:
      return assertNever(action, "action");
  }
}

function contentOf(
  { protocol, targetGroups, tls }: ListenerContent,
  idOf: (ref: Ref) => string,
): Pick<elb.CreateListenerInput, "Protocol" | "Certificates" | "SslPolicy" | "AlpnPolicy"> & {
  DefaultActions: elb.Action[];
} {
  const groups = targetGroups.map(({ targetGroup, weight }) => ({ TargetGroupArn: idOf(targetGroup), Weight: weight }));
  const [only, ...more] = groups;
  const action: elb.Action =
    more.length === 0
      ? { Type: "forward", TargetGroupArn: only?.TargetGroupArn }
      : { Type: "forward", ForwardConfig: { TargetGroups: groups } };
  return {
    Protocol: protocol,
    DefaultActions: [action],
    ...(tls !== undefined && {
      Certificates: certificatesOf(tls.certificates.slice(0, 1)),
      SslPolicy: tls.policy,
      AlpnPolicy: [tls.alpn],
    }),
  };
}

function certificatesOf(arns: readonly string[]): elb.Certificate[] {
  return arns.map((arn) => ({ CertificateArn: arn }));
}

function groupCall(
  action: Of<"createGroup" | "authorize" | "revoke" | "deleteGroup">,
  idOf: (ref: Ref) => string,
): WriteCall {
  const api = "ec2";
  switch (action.kind) {
    case "createGroup": {
      const { name, vpcId, tags } = action;
      const specification: ec2.TagSpecification = { ResourceType: "security-group", Tags: pairsOf(tags) };
      const input = { GroupName: name, Description: "Berth", VpcId: vpcId, TagSpecifications: [specification] };
      return { api, name: "CreateSecurityGroup", input };
    }
    case "authorize": {
      const specification: ec2.TagSpecification = { ResourceType: "security-group-rule", Tags: pairsOf(action.tags) };
      const IpPermissions = action.rules.map(permissionOf);
      const input = { GroupId: idOf(action.group), IpPermissions, TagSpecifications: [specification] };
      return { api, name: "AuthorizeSecurityGroupIngress", input };
    }
    case "revoke": {
      const input = { GroupId: action.group, SecurityGroupRuleIds: [...action.rules] };
      return { api, name: "RevokeSecurityGroupIngress", input };
    }
    case "deleteGroup":
      return { api, name: "DeleteSecurityGroup", input: { GroupId: action.id } };
    default:
      return assertNever(action, "action");
  }
}

function permissionOf({ protocol, from, to, source }: Rule): ec2.IpPermission {
  return { IpProtocol: protocol, FromPort: from, ToPort: to, ...sourceOf(source) };
}

function sourceOf(source: string): Partial<ec2.IpPermission> {
  if (source.startsWith("pl-")) return { PrefixListIds: [{ PrefixListId: source }] };
  if (source.startsWith("sg-")) return { UserIdGroupPairs: [{ GroupId: source }] };
  return parseCidr(source)?.base.family === "IPv6"
    ? { Ipv6Ranges: [{ CidrIpv6: source }] }
    : { IpRanges: [{ CidrIp: source }] };
}

function attributesCall({ of, arn, attributes }: Of<"setAttributes">, idOf: (ref: Ref) => string): WriteCall {
  const [id, Attributes] = [idOf(arn), pairsOf(attributes)];
  switch (of) {
    case "loadBalancer":
      return { api: "elb", name: "ModifyLoadBalancerAttributes", input: { LoadBalancerArn: id, Attributes } };
    case "targetGroup":
      return { api: "elb", name: "ModifyTargetGroupAttributes", input: { TargetGroupArn: id, Attributes } };
    case "listener":
      return { api: "elb", name: "ModifyListenerAttributes", input: { ListenerArn: id, Attributes } };
    default:
      return assertNever(of, "owner of attributes");
  }
}

function tagsCall(action: Of<"addTags" | "removeTags">): WriteCall {
  const { at, id } = action;
  if (action.kind === "addTags")
    return at === "elb"
      ? { api: "elb", name: "AddTags", input: { ResourceArns: [id], Tags: pairsOf(action.tags) } }
      : { api: "ec2", name: "CreateTags", input: { Resources: [id], Tags: pairsOf(action.tags) } };
  return at === "elb"
    ? { api: "elb", name: "RemoveTags", input: { ResourceArns: [id], TagKeys: [...action.keys] } }
    : { api: "ec2", name: "DeleteTags", input: { Resources: [id], Tags: action.keys.map((Key) => ({ Key })) } };
}

/** Sorted, so that the same request is always the same text. */
function pairsOf(pairs: Pairs): { Key: string; Value: string }[] {
  return Object.entries(pairs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([Key, Value]) => ({ Key, Value }));
}
