// What AWS refuses, or does otherwise than one would think, as a table: each rule with where it is known from. What else
// it refuses stands in its model. A test turns each off in turn (`e2e/tools/fake-aws-rules.ts`); one that no acceptance
// test of the adapter misses then has no place here.

const api = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference";
const guide = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network";
const ec2 = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference";

export const rules = {
  "batch-of-20": `${api}/API_DescribeTags.html: 20 ARNs; API_DescribeLoadBalancers.html: 20`,
  "batch-fails-whole": `${api}/API_DescribeLoadBalancers.html: LoadBalancerNotFound`,
  pages: `${api}/API_DescribeListeners.html: NextMarker`,
  "same-again-is-the-same": `${api}/API_CreateLoadBalancer.html: idempotent for equal settings`,
  "name-taken": `${api}/API_CreateLoadBalancer.html: DuplicateLoadBalancerName`,
  "name-of-32": `${api}/API_CreateLoadBalancer.html: 32 letters, digits and hyphens`,
  "one-subnet-per-zone": `${api}/API_CreateLoadBalancer.html: InvalidConfigurationRequest`,
  "groups-for-ever": `${guide}/load-balancer-security-groups.html: none at creation, none ever`,
  protected: `${guide}/network-load-balancers.html#deletion-protection: OperationNotPermitted`,
  "port-taken": `${api}/API_CreateListener.html: DuplicateListener`,
  "protocols-fit": `${api}/API_CreateListener.html: IncompatibleProtocols`,
  "tls-needs-certificate": `${api}/API_CreateListener.html: CertificateNotFound`,
  "50-listeners": `${guide}/load-balancer-limits.html: listeners per load balancer`,
  "check-for-ever": `${api}/API_ModifyTargetGroup.html: no other HealthCheckProtocol`,
  "group-in-use": `${api}/API_DeleteTargetGroup.html: ResourceInUse`,
  "targets-by-port": `${api}/API_RegisterTargets.html: the same target with other ports`,
  "bad-target-spoils-batch": `${api}/API_RegisterTargets.html: InvalidTarget`,
  "1000-targets": `${guide}/load-balancer-limits.html: targets per target group`,
  "500-in-zone": `${guide}/load-balancer-limits.html: targets per zone and load balancer`,
  "500-cross-zone": `${guide}/load-balancer-limits.html: targets with cross-zone load balancing`,
  draining: `${guide}/target-group-register-targets.html: deregistration delay`,
  "unused-unchecked": `${api}/API_TargetHealth.html: Target.NotInUse`,
  "security-group-name-taken": `${ec2}/API_CreateSecurityGroup.html: InvalidGroup.Duplicate`,
  "rules-whole-or-not": `${ec2}/API_AuthorizeSecurityGroupIngress.html: InvalidPermission.Duplicate`,
  "60-rules": "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html",
  "group-held": `${ec2}/API_DeleteSecurityGroup.html: DependencyViolation`,
  "shown-later": `${ec2}/Welcome: eventual consistency`,
  "tags-listed-later": "https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html",
  "owner-tags": "the policy in this provider's README: aws:RequestTag, aws:ResourceTag",
};

export type RuleId = keyof typeof rules;
