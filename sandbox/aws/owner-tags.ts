import { type Call, refuse } from "./call.ts";
import type { Input } from "./protocol/index.ts";
import { tagsOf } from "./tags.ts";

const ownerTag = "berth.dev/cluster";
const refs = /^((LoadBalancer|Listener|TargetGroup)Arn|ResourceArns|Resources|SecurityGroupRuleIds|GroupId)$/;
export const callerArn = "arn:aws:sts::123456789012:assumed-role/berth/x";

/** As the policy has it that the controller gets: it makes nothing without the tag of its cluster, nor changes what lacks it. */
export function checkOwner(call: Call, action: string, input: Input): void {
  const { Tags = [], TagSpecifications = [] } = input as Readonly<Record<string, readonly Input[] | undefined>>;
  const isNew = /^(Create(?!Tags)|Authorize)/.test(action);
  const made = [Tags, ...TagSpecifications.map((one) => one["Tags"] as readonly Input[])];
  const isRef = (key: string): boolean => refs.test(key) && !(key === "GroupId" && action.startsWith("Revoke"));
  const changed = Object.entries(input).flatMap(([key, value]) => (isRef(key) ? value : []));
  const isAllowed = isNew
    ? made.some((tags) => tags.some(({ Key }) => Key === ownerTag))
    : changed.every((ref) => tagsOf(call, ref as string)?.has(ownerTag) ?? true);
  refuse(call, "owner-tags", !isAllowed, `User: ${callerArn} is not authorized to perform: ${action} on resource`);
}
