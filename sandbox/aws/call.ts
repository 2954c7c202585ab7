import type { RuleId } from "./rules.ts";
import type { HealthCheck, State, Tags } from "./state.ts";
import type { Input, Value } from "./wire.ts";

/** What AWS refuses a request with. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** One request and all that its answer depends on. */
export interface Call {
  readonly state: State;
  readonly input: Input;
  readonly isOn: (rule: RuleId) => boolean;
  readonly probe: Probe;
}

/** Whether what listens on a port of an instance passes its check. */
export type Probe = (instance: string, port: number, check: HealthCheck) => boolean | Promise<boolean>;

export type Handler = (call: Call) => Value | Promise<Value>;

/** A parameter that must be there. */
export function text(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== "string") throw new AwsError("ValidationError", `${name} is missing`);
  return value;
}

export function maybe(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === "string" ? value : undefined;
}

/** A list of structures; absent, it has none. */
export function list(input: Input, name: string): readonly Input[] {
  const value = input[name];
  return Array.isArray(value) ? (value as readonly Input[]) : [];
}

/** A list of texts. */
export function texts(input: Input, name: string): readonly string[] {
  return list(input, name) as unknown as readonly string[];
}

export function tagsIn(input: Input, name: string): Tags {
  return new Map(list(input, name).map((tag) => [text(tag, "Key"), maybe(tag, "Value") ?? ""]));
}

const ownerTag = "berth.dev/cluster";
export const callerArn = "arn:aws:sts::123456789012:assumed-role/berth/x";

/** As the policy has it that the controller gets: it makes nothing without the tag of its cluster, nor changes what lacks it. */
export function checkOwner({ state, input, isOn }: Call, action: string): void {
  const isNew = /^(Create(?!Tags)|Authorize)/.test(action);
  const made = [tagsIn(input, "Tags"), ...list(input, "TagSpecification").map((one) => tagsIn(one, "Tag"))];
  const keys = [
    "LoadBalancerArn",
    "ListenerArn",
    "TargetGroupArn",
    ...(action.startsWith("Revoke") ? [] : ["GroupId"]),
  ];
  const lists = ["ResourceArns", "ResourceId", "SecurityGroupRuleId"].flatMap((key) => texts(input, key));
  const refs = [...keys.flatMap((key) => maybe(input, key) ?? []), ...lists];
  const lacks = (tags: Tags): boolean => !tags.has(ownerTag);
  const found = refs.flatMap((ref) => state.tagged(ref)?.tags ?? []);
  if (isOn("owner-tags") && (isNew ? made.every(lacks) : found.some(lacks)))
    throw new AwsError("AccessDenied", `User: ${callerArn} is not authorized to perform: ${action} on resource`, 403);
}

/** Where a request does not say it. */
const pageSize = 100;

/** A page of a list, and the marker of the next one. */
export function page<T>({ input, isOn }: Call, items: readonly T[], marker: string): readonly [readonly T[], string?] {
  if (!isOn("pages")) return [items];
  const start = Number(maybe(input, marker) ?? 0);
  const end = start + Number(maybe(input, "MaxResults") ?? pageSize);
  return end < items.length ? [items.slice(start, end), `${end}`] : [items.slice(start)];
}
