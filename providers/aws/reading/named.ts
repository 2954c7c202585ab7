import type { Aws, Made } from "../aws.ts";
import type { Pairs } from "../schema/index.ts";
import { describeGroups } from "./groups.ts";
import { pairsOf, present, tagsOf } from "./owned.ts";

/** What has a name that nobody else may have. */
export type Named =
  | { readonly kind: "loadBalancer" | "targetGroup"; readonly name: string }
  | { readonly kind: "group"; readonly name: string; readonly vpcId: string };

/** What has this name, whosever it is, as it is now. */
export async function findNamed(
  aws: Aws,
  named: Named,
  signal: AbortSignal,
): Promise<(Made & { readonly tags: Pairs }) | undefined> {
  const { name } = named;
  if (named.kind === "group") {
    const [found] = await describeGroups(aws, { "vpc-id": named.vpcId, "group-name": name }, signal);
    return found?.GroupId === undefined ? undefined : { id: found.GroupId, tags: pairsOf(found.Tags) };
  }
  const [arn] = await present([name], async (names) => {
    const input = { Names: [...names] };
    return named.kind === "loadBalancer"
      ? ((await aws.read("DescribeLoadBalancers", input, signal)).LoadBalancers ?? []).map(
          ({ LoadBalancerArn }) => LoadBalancerArn,
        )
      : ((await aws.read("DescribeTargetGroups", input, signal)).TargetGroups ?? []).map(
          ({ TargetGroupArn }) => TargetGroupArn,
        );
  });
  return arn === undefined ? undefined : { arn, tags: (await tagsOf(aws, [arn], signal)).get(arn) ?? {} };
}
