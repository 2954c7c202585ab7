// What AWS refuses, or does otherwise than one would think, as two tables: each rule with where it is known from. What else
// it refuses stands in its model. A tool turns each off in turn (`e2e/tools/fake-aws-rules.ts`); one that no acceptance
// test of the adapter misses then has no place here.

const docs = "https://docs.aws.amazon.com";
const api = `${docs}/elasticloadbalancing/latest/APIReference/API`;
const guide = `${docs}/elasticloadbalancing/latest/network`;
const ec2 = `${docs}/AWSEC2/latest/APIReference/API`;
const vpc = `${docs}/vpc/latest/userguide`;

/** By AWS' word, where it is not one of the kind of thing. */
export const refusals = {
  "batch-of-20": { code: "ValidationError", source: `${api}_DescribeTags.html, API_DescribeLoadBalancers.html` },
  "batch-fails-whole": { code: "", source: `${api}_DescribeLoadBalancers.html: LoadBalancerNotFound` },
  "name-taken": { code: "", source: `${api}_CreateLoadBalancer.html: DuplicateLoadBalancerName` },
  "name-of-32": { code: "ValidationError", source: `${api}_CreateLoadBalancer.html: Name` },
  "one-subnet-per-zone": { code: "InvalidConfigurationRequest", source: `${api}_CreateLoadBalancer.html` },
  "groups-for-ever": { code: "InvalidConfigurationRequest", source: `${guide}/load-balancer-security-groups.html` },
  protected: { code: "OperationNotPermitted", source: `${guide}/network-load-balancers.html#deletion-protection` },
  "port-taken": { code: "DuplicateListener", source: `${api}_CreateListener.html` },
  "protocols-fit": { code: "IncompatibleProtocols", source: `${api}_CreateListener.html` },
  "tls-needs-certificate": { code: "CertificateNotFound", source: `${api}_CreateListener.html` },
  "50-listeners": { code: "TooManyListeners", source: `${guide}/load-balancer-limits.html` },
  "check-for-ever": { code: "InvalidConfigurationRequest", source: `${api}_ModifyTargetGroup.html` },
  "group-in-use": { code: "ResourceInUse", source: `${api}_DeleteTargetGroup.html` },
  "bad-target-spoils-batch": { code: "InvalidTarget", source: `${api}_RegisterTargets.html` },
  "1000-targets": { code: "TooManyTargets", source: `${guide}/load-balancer-limits.html: of a target group` },
  "500-in-zone": { code: "TooManyTargets", source: `${guide}/load-balancer-limits.html: of a load balancer in a zone` },
  "500-cross-zone": { code: "TooManyTargets", source: `${guide}/load-balancer-limits.html: with cross-zone` },
  "security-group-name-taken": { code: "InvalidGroup.Duplicate", source: `${ec2}_CreateSecurityGroup.html` },
  "rules-whole-or-not": { code: "InvalidPermission.Duplicate", source: `${ec2}_AuthorizeSecurityGroupIngress.html` },
  "60-rules": { code: "RulesPerSecurityGroupLimitExceeded", source: `${vpc}/amazon-vpc-limits.html` },
  "group-held": { code: "DependencyViolation", source: `${ec2}_DeleteSecurityGroup.html` },
  "owner-tags": { code: "AccessDenied", source: "the policy in the README: aws:RequestTag, aws:ResourceTag" },
};

export const manners = {
  pages: { source: `${api}_DescribeListeners.html: NextMarker` },
  "same-again-is-the-same": { source: `${api}_CreateLoadBalancer.html: idempotent for equal settings` },
  "targets-by-port": { source: `${api}_RegisterTargets.html: the same target with other ports` },
  draining: { source: `${guide}/target-group-register-targets.html: deregistration delay` },
  "unused-unchecked": { source: `${api}_TargetHealth.html: Target.NotInUse` },
  "shown-later": { source: `${docs}/AWSEC2/latest/APIReference/Welcome: eventual consistency` },
  "tags-listed-later": { source: `${docs}/resourcegroupstagging/latest/APIReference/API_GetResources.html` },
};

export type RefusalId = keyof typeof refusals;
export type RuleId = RefusalId | keyof typeof manners;

export const rules: Readonly<Record<RuleId, { readonly source: string }>> = { ...refusals, ...manners };
