import { expect, it } from "vitest";
import { apiOf, iamAction } from "./aws.ts";
import { tagKeys } from "./identity.ts";
import { iamPolicy, type Statement } from "./policy.ts";

const scope = {
  clusterId: "CLUSTER_ID",
  account: "ACCOUNT",
  region: "REGION",
  nodeGroups: ["arn:aws:ec2:REGION:ACCOUNT:security-group/NODE_SECURITY_GROUP"],
};
const { Statement: statements } = iamPolicy(scope);

it("20: the policy allows exactly the requests that the client can send, and the role that AWS makes once", () => {
  const allowed = new Set(statements.flatMap(({ Action }) => Action));
  const sent = (Object.keys(apiOf) as (keyof typeof apiOf)[]).map(iamAction);
  expect([...allowed].sort()).toEqual([...sent, "iam:CreateServiceLinkedRole"].sort());
});

it("20: nothing is changed but what carries the tag of the cluster, made but with it, or let in but to the nodes", () => {
  const isBound = ({ Action, Resource, Condition }: Statement): boolean =>
    Action.every((action) => /:(Describe|Get)/.test(action)) ||
    Resource !== "*" ||
    JSON.stringify(Condition ?? {}).includes(`Tag/${tagKeys.cluster}":"CLUSTER_ID"`) ||
    Action.join() === "iam:CreateServiceLinkedRole";
  expect(statements.filter((statement) => !isBound(statement))).toEqual([]);
});

it("the policy as a file, to be filled in", async () => {
  await expect(`${JSON.stringify(iamPolicy(scope), undefined, 2)}\n`).toMatchFileSnapshot("iam-policy.json");
});
