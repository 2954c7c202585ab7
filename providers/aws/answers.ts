import { ProviderError } from "../../src/provider/index.ts";
import { iamAction, type ReadName, type Reads } from "./aws.ts";
import { noAnswer } from "./errors.ts";

/** What an answer to each request has, if only an empty list. */
const proofs: { readonly [Name in ReadName]: keyof Reads[Name]["output"] } = {
  DescribeAddresses: "Addresses",
  DescribeAvailabilityZones: "AvailabilityZones",
  DescribeInstances: "Reservations",
  DescribeListenerAttributes: "Attributes",
  DescribeListenerCertificates: "Certificates",
  DescribeListeners: "Listeners",
  DescribeLoadBalancerAttributes: "Attributes",
  DescribeLoadBalancers: "LoadBalancers",
  DescribeRouteTables: "RouteTables",
  DescribeSecurityGroupRules: "SecurityGroupRules",
  DescribeSecurityGroups: "SecurityGroups",
  DescribeSubnets: "Subnets",
  DescribeTags: "TagDescriptions",
  DescribeTargetGroupAttributes: "Attributes",
  DescribeTargetGroups: "TargetGroups",
  DescribeTargetHealth: "TargetHealthDescriptions",
  DescribeVpcs: "Vpcs",
  GetCallerIdentity: "Arn",
  GetResources: "ResourceTagMappingList",
};

/**
 * Throws for what is no answer of AWS: the SDK takes an empty one, or a page of somebody between, for a list of nothing, and
 * what is not there is made again, or forgotten. AWS gives each of its answers an ID too.
 */
export function checkAnswer<Name extends ReadName>(name: Name, output: Reads[Name]["output"]): void {
  if (output[proofs[name]] !== undefined || output.$metadata.requestId !== undefined) return;
  throw new ProviderError(
    { kind: "retryable" },
    noAnswer(iamAction(name), `there is no ${String(proofs[name])} in it`),
  );
}
