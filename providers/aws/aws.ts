import type * as ec2 from "@aws-sdk/client-ec2";
import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type * as tagging from "@aws-sdk/client-resource-groups-tagging-api";
import type * as sts from "@aws-sdk/client-sts";
import type { WriteCall } from "./calls.ts";

interface Exchange<Input, Output> {
  readonly input: Input;
  readonly output: Output;
}

interface ElbReads {
  readonly DescribeListenerAttributes: Exchange<
    elb.DescribeListenerAttributesCommandInput,
    elb.DescribeListenerAttributesCommandOutput
  >;
  readonly DescribeListenerCertificates: Exchange<
    elb.DescribeListenerCertificatesCommandInput,
    elb.DescribeListenerCertificatesCommandOutput
  >;
  readonly DescribeListeners: Exchange<elb.DescribeListenersCommandInput, elb.DescribeListenersCommandOutput>;
  readonly DescribeLoadBalancerAttributes: Exchange<
    elb.DescribeLoadBalancerAttributesCommandInput,
    elb.DescribeLoadBalancerAttributesCommandOutput
  >;
  readonly DescribeLoadBalancers: Exchange<
    elb.DescribeLoadBalancersCommandInput,
    elb.DescribeLoadBalancersCommandOutput
  >;
  readonly DescribeTags: Exchange<elb.DescribeTagsCommandInput, elb.DescribeTagsCommandOutput>;
  readonly DescribeTargetGroupAttributes: Exchange<
    elb.DescribeTargetGroupAttributesCommandInput,
    elb.DescribeTargetGroupAttributesCommandOutput
  >;
  readonly DescribeTargetGroups: Exchange<elb.DescribeTargetGroupsCommandInput, elb.DescribeTargetGroupsCommandOutput>;
  readonly DescribeTargetHealth: Exchange<elb.DescribeTargetHealthCommandInput, elb.DescribeTargetHealthCommandOutput>;
}

interface Ec2Reads {
  readonly DescribeAddresses: Exchange<ec2.DescribeAddressesCommandInput, ec2.DescribeAddressesCommandOutput>;
  readonly DescribeAvailabilityZones: Exchange<
    ec2.DescribeAvailabilityZonesCommandInput,
    ec2.DescribeAvailabilityZonesCommandOutput
  >;
  readonly DescribeInstances: Exchange<ec2.DescribeInstancesCommandInput, ec2.DescribeInstancesCommandOutput>;
  readonly DescribeRouteTables: Exchange<ec2.DescribeRouteTablesCommandInput, ec2.DescribeRouteTablesCommandOutput>;
  readonly DescribeSecurityGroupRules: Exchange<
    ec2.DescribeSecurityGroupRulesCommandInput,
    ec2.DescribeSecurityGroupRulesCommandOutput
  >;
  readonly DescribeSecurityGroups: Exchange<
    ec2.DescribeSecurityGroupsCommandInput,
    ec2.DescribeSecurityGroupsCommandOutput
  >;
  readonly DescribeSubnets: Exchange<ec2.DescribeSubnetsCommandInput, ec2.DescribeSubnetsCommandOutput>;
  readonly DescribeVpcs: Exchange<ec2.DescribeVpcsCommandInput, ec2.DescribeVpcsCommandOutput>;
}

interface TaggingReads {
  readonly GetResources: Exchange<tagging.GetResourcesCommandInput, tagging.GetResourcesCommandOutput>;
}

interface StsReads {
  readonly GetCallerIdentity: Exchange<sts.GetCallerIdentityCommandInput, sts.GetCallerIdentityCommandOutput>;
}

/** Every request that only looks. */
export interface Reads extends ElbReads, Ec2Reads, TaggingReads, StsReads {}

export type ReadName = keyof Reads;

/** AWS, as far as this provider talks to it; what fails throws `ProviderError`. */
export interface Aws {
  readonly region: string;
  read<Name extends ReadName>(
    name: Name,
    input: Reads[Name]["input"],
    signal: AbortSignal,
  ): Promise<Reads[Name]["output"]>;
  /** Returns what was made: its ARN or ID, or the rules of a security group. */
  write(call: WriteCall, signal: AbortSignal): Promise<Made>;
}

/** Empty for what makes nothing. */
export interface Made {
  readonly arn?: string;
  readonly id?: string;
  /** Of a security group. */
  readonly rules?: readonly ec2.SecurityGroupRule[];
}

interface ReadsByApi {
  readonly elb: ElbReads;
  readonly ec2: Ec2Reads;
  readonly tagging: TaggingReads;
  readonly sts: StsReads;
}

export type Api = keyof ReadsByApi;

/** The requests that one of AWS' services answers. */
export type NameOf<A extends Api> = keyof ReadsByApi[A] | Extract<WriteCall, { readonly api: A }>["name"];

/** Which of AWS' services answers a request; the names of all requests, so that policies can be made from it. */
export const apiOf: { readonly [A in Api as NameOf<A>]: A } = {
  DescribeListenerAttributes: "elb",
  DescribeListenerCertificates: "elb",
  DescribeListeners: "elb",
  DescribeLoadBalancerAttributes: "elb",
  DescribeLoadBalancers: "elb",
  DescribeTags: "elb",
  DescribeTargetGroupAttributes: "elb",
  DescribeTargetGroups: "elb",
  DescribeTargetHealth: "elb",
  AddListenerCertificates: "elb",
  AddTags: "elb",
  CreateListener: "elb",
  CreateLoadBalancer: "elb",
  CreateTargetGroup: "elb",
  DeleteListener: "elb",
  DeleteLoadBalancer: "elb",
  DeleteTargetGroup: "elb",
  DeregisterTargets: "elb",
  ModifyListener: "elb",
  ModifyListenerAttributes: "elb",
  ModifyLoadBalancerAttributes: "elb",
  ModifyTargetGroup: "elb",
  ModifyTargetGroupAttributes: "elb",
  RegisterTargets: "elb",
  RemoveListenerCertificates: "elb",
  RemoveTags: "elb",
  SetSecurityGroups: "elb",
  SetSubnets: "elb",
  DescribeAddresses: "ec2",
  DescribeAvailabilityZones: "ec2",
  DescribeInstances: "ec2",
  DescribeRouteTables: "ec2",
  DescribeSecurityGroupRules: "ec2",
  DescribeSecurityGroups: "ec2",
  DescribeSubnets: "ec2",
  DescribeVpcs: "ec2",
  AuthorizeSecurityGroupIngress: "ec2",
  CreateSecurityGroup: "ec2",
  CreateTags: "ec2",
  DeleteSecurityGroup: "ec2",
  DeleteTags: "ec2",
  RevokeSecurityGroupIngress: "ec2",
  GetResources: "tagging",
  GetCallerIdentity: "sts",
};

const services: Readonly<Record<Api, string>> = {
  ec2: "ec2",
  elb: "elasticloadbalancing",
  sts: "sts",
  tagging: "tag",
};

const apis: Readonly<Record<ReadName | WriteCall["name"], Api>> = apiOf;

/** A request as IAM names it: `elasticloadbalancing:CreateListener`. */
export function iamAction(name: ReadName | WriteCall["name"]): string {
  return `${services[apis[name]]}:${name}`;
}
