import { apiOf, iamAction } from "./aws.ts";
import { tagKeys } from "./identity.ts";

/** What the controller may act on. */
export interface PolicyScope {
  readonly clusterId: string;
  readonly account: string;
  readonly region: string;
  /** ARNs of the security groups of nodes, or patterns of them. */
  readonly nodeGroups: readonly string[];
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

type Name = keyof typeof apiOf;

const creations: readonly Name[] = ["CreateLoadBalancer", "CreateTargetGroup", "CreateSecurityGroup"];
const tagging: readonly Name[] = ["AddTags", "RemoveTags", "CreateTags", "DeleteTags"];
const onNodes: readonly Name[] = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"];
const names = Object.keys(apiOf).sort() as Name[];

/**
 * The policy of IAM that the controller needs: exactly the requests that the client can send. What it makes carries the tag
 * of its cluster, and it changes nothing that does not, the rules in the security groups of nodes apart.
 */
export function iamPolicy(scope: PolicyScope): { readonly Version: string; readonly Statement: readonly Statement[] } {
  const { clusterId, account, region, nodeGroups } = scope;
  const requested = { [`aws:RequestTag/${tagKeys.cluster}`]: clusterId };
  const owned = { [`aws:ResourceTag/${tagKeys.cluster}`]: clusterId };
  const isRead = (name: Name): boolean => /^(Describe|Get)/.test(name);
  const changes = names.filter(
    (name) => !isRead(name) && !creations.includes(name) && !tagging.includes(name) && name !== "CreateListener",
  );
  return {
    Version: "2012-10-17",
    Statement: [
      allow("Look", names.filter(isRead).map(iamAction), "*"),
      allow("Make", creations.map(iamAction), "*", { StringEquals: requested }),
      allow("MakeInTheVpc", [iamAction("CreateSecurityGroup")], `arn:aws:ec2:${region}:${account}:vpc/*`),
      allow("MakeListeners", [iamAction("CreateListener")], "*", { StringEquals: { ...requested, ...owned } }),
      allow("TagWhatIsMade", [iamAction("AddTags")], "*", {
        StringEquals: {
          "elasticloadbalancing:CreateAction": ["CreateListener", "CreateLoadBalancer", "CreateTargetGroup"],
          ...requested,
        },
      }),
      allow("TagWhatIsMadeInEc2", [iamAction("CreateTags")], "*", {
        StringEquals: { "ec2:CreateAction": ["AuthorizeSecurityGroupIngress", "CreateSecurityGroup"], ...requested },
      }),
      allow("ChangeWhatIsOurs", changes.map(iamAction), "*", { StringEquals: owned }),
      allow("TagWhatIsOurs", tagging.map(iamAction), "*", {
        StringEquals: owned,
        "ForAllValues:StringNotEquals": { "aws:TagKeys": [tagKeys.cluster] },
      }),
      allow("OpenTheNodes", onNodes.map(iamAction), nodeGroups),
      allow("FirstLoadBalancerOfTheAccount", ["iam:CreateServiceLinkedRole"], "*", {
        StringEquals: { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com" },
      }),
    ],
  };
}

function allow(
  Sid: string,
  Action: readonly string[],
  Resource: Statement["Resource"],
  Condition?: Statement["Condition"],
): Statement {
  return { Sid, Effect: "Allow", Action, Resource, ...(Condition !== undefined && { Condition }) };
}
