import { type Call } from "./call.ts";
import type { Input } from "./protocol/index.ts";
import { AwsError } from "./protocol/index.ts";
import { tagsOf } from "./tags.ts";

const ownerTag = "berth.dev/cluster";
export const callerArn = "arn:aws:sts::123456789012:assumed-role/berth/x";

/** As the policy has it that the controller gets: it makes nothing without the tag of its cluster, nor changes what lacks it. */
export function checkOwner({ state, isOn }: Call, action: string, input: Input): void {
  if (!isOn("owner-tags")) return;
  const { Tags = [], TagSpecifications = [] } = input as Readonly<Record<string, readonly Input[] | undefined>>;
  const isNew = /^(Create(?!Tags)|Authorize)/.test(action);
  const made = [Tags, ...TagSpecifications.map((one) => one["Tags"] as readonly Input[])];
  const keys = [
    "LoadBalancerArn",
    "ListenerArn",
    "TargetGroupArn",
    "ResourceArns",
    "Resources",
    "SecurityGroupRuleIds",
  ];
  const refs = [...keys, ...(action.startsWith("Revoke") ? [] : ["GroupId"])].flatMap((key) => input[key] ?? []);
  const isAllowed = isNew
    ? made.some((tags) => tags.some(({ Key }) => Key === ownerTag))
    : refs.every((ref) => tagsOf(state, ref as string)?.has(ownerTag) ?? true);
  if (!isAllowed)
    throw new AwsError("AccessDenied", `User: ${callerArn} is not authorized to perform: ${action} on resource`, 403);
}
