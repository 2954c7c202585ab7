import { AwsError } from "./protocol/index.ts";
import { type RefusalId, type RuleId, refusals } from "./rules.ts";
import type { HealthCheck, State } from "./state.ts";

/** All that an answer depends on beside its request. */
export interface Call {
  readonly state: State;
  readonly isOn: (rule: RuleId) => boolean;
  readonly probe: Probe;
}

/** Whether what listens on a port of an instance passes its check. */
export type Probe = (instance: string, port: number, check: HealthCheck) => boolean | Promise<boolean>;

/** Answers a request that fits the model, by what the model calls it. */
export type Handler = (call: Call, input: never) => object | Promise<object>;

/** An input of the SDK after the model has seen it: what must be there is. */
export type Given<T> = T extends readonly (infer Item)[]
  ? readonly Given<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Given<Exclude<T[Key], undefined>> }
    : T;

const missing = {
  loadBalancers: "LoadBalancerNotFound",
  listeners: "ListenerNotFound",
  targetGroups: "TargetGroupNotFound",
  groups: "InvalidGroup.NotFound",
} as const;

type Kind = keyof typeof missing;
type One<K extends Kind> = NonNullable<ReturnType<State[K]["get"]>>;

/** One that a request names, by its ARN or ID. */
export function get<K extends Kind>({ state }: Call, kind: K, ref: string = ""): One<K> {
  const found = state[kind].get(ref);
  if (found === undefined) throw new AwsError(missing[kind], `'${ref}' not found`);
  return found as One<K>;
}

const taken = { loadBalancers: "DuplicateLoadBalancerName", targetGroups: "DuplicateTargetGroupName" } as const;

/** What a creation makes again: one that was made by just such a request. `wish`: that request, but for its tags. */
export function creation<K extends keyof typeof taken>(
  call: Call,
  kind: K,
  { Tags: _tags, ...rest }: { readonly Name: string; readonly Tags?: unknown },
): { readonly known: One<K> | undefined; readonly wish: string } {
  const [{ Name }, wish] = [rest, JSON.stringify(rest)];
  const isName = /^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/.test(Name);
  refuse(call, "name-of-32", !isName, `'${Name}' must be 32 letters, digits and hyphens at most`);
  const all: Iterable<{ readonly name: string; readonly wish: string }> = call.state[kind].values();
  const known = [...all].find(({ name }) => name === Name);
  if (known?.wish === wish && call.isOn("same-again-is-the-same")) return { known: known as One<K>, wish };
  refuse(call, "name-taken", known !== undefined, `'${Name}' exists, with different settings`, taken[kind]);
  return { known: undefined, wish };
}

/** Which kind of thing an ARN or ID is of. */
export function kindOf(ref: string): Kind {
  if (ref.startsWith("sg-")) return "groups";
  if (ref.includes(":targetgroup/")) return "targetGroups";
  return ref.includes(":listener/") ? "listeners" : "loadBalancers";
}

/** Refuses what a rule forbids, where it holds. */
export function refuse(
  { isOn }: Call,
  rule: RefusalId,
  isBroken: boolean,
  message: string,
  code: string = refusals[rule].code,
): void {
  if (isBroken && isOn(rule)) throw new AwsError(code, message, code === "AccessDenied" ? 403 : 400);
}

/** Where a request does not say it. */
const pageSize = 100;
/** Of ARNs or names. */
export const maxBatch = 20;

/** A page of a list, and what the next one is asked for with. */
export function page<T>(
  { isOn }: Call,
  items: readonly T[],
  size: number = pageSize,
  marker: string = "0",
): readonly [readonly T[], string?] {
  if (!isOn("pages")) return [items];
  const [start, end] = [Number(marker), Number(marker) + size];
  return end < items.length ? [items.slice(start, end), `${end}`] : [items.slice(start)];
}

/** A page of the things of one kind that a request asks for; without a word, of all. */
export function described<K extends "loadBalancers" | "listeners" | "targetGroups">(
  call: Call,
  kind: K,
  arns: readonly string[] = [],
  names: readonly string[] = [],
  { Marker, PageSize }: { readonly Marker?: string; readonly PageSize?: number },
): readonly [readonly One<K>[], string?] {
  const all: Iterable<{ readonly arn: string; readonly name?: string }> = call.state[kind].values();
  const count = arns.length + names.length;
  refuse(call, "batch-of-20", count > maxBatch, `more than ${maxBatch} at once`);
  const found = [...all].filter(({ arn, name = "" }) => count === 0 || arns.includes(arn) || names.includes(name));
  const lacks = found.length < count;
  refuse(call, "batch-fails-whole", lacks, `One of ${[...arns, ...names].join(", ")} not found`, missing[kind]);
  return page(call, found as unknown as readonly One<K>[], PageSize, Marker);
}
