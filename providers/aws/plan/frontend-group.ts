import { assertNever } from "../../../src/base/index.ts";
import { parseCidr } from "../../../src/net/index.ts";
import { type PlanStep, ProviderError, type Wait } from "../../../src/provider/index.ts";
import type { Ref } from "../actions.ts";
import { isOwn, ownerTags, refuseForeign, tagKeys, tagsOf } from "../identity.ts";
import type { ObservedGroup, Rule } from "../observation.ts";
import type { NlbSpec } from "../schema/index.ts";
import { type Context, needsBackendGroup, sharedKey } from "./context.ts";
import { slowPollMs, step, tagSteps } from "./steps.ts";

/** The security groups of a load balancer. */
export interface GroupsPlan {
  /** Who may connect from now on. */
  readonly steps: readonly PlanStep[];
  /** Undefined: not all of them exist, and no step of this plan makes them. */
  readonly groups: readonly Ref[] | undefined;
  readonly waits: readonly Wait[];
}

const groupStep = "frontend-group";

/** The one that says who may connect, if there is one of ours, before what is to have it. */
export function planGroups(context: Context): GroupsPlan {
  const { id, spec, observed } = context;
  const waits: Wait[] = [];
  const backend: Ref[] = [];
  if (needsBackendGroup(spec)) {
    if (observed.backendGroup !== undefined) backend.push(observed.backendGroup);
    else {
      const what = "the security group that the nodes know is not there yet";
      waits.push({ id: "backend-group", what, pollAfterMs: slowPollMs, on: sharedKey(id.clusterId) });
    }
  }
  const { steps, groups } = ownOrGiven(context);
  return { steps, waits, groups: waits.length > 0 ? undefined : [...groups, ...backend] };
}

function ownOrGiven(context: Context): { readonly steps: readonly PlanStep[]; readonly groups: readonly Ref[] } {
  const { spec } = context;
  switch (spec.securityGroups.kind) {
    case "none":
      return { steps: [], groups: [] };
    case "given":
      return { steps: [], groups: spec.securityGroups.groups.map((word) => groupId(word, context)) };
    case "managed":
      return planManaged(context);
    default:
      return assertNever(spec.securityGroups, "security groups");
  }
}

function planManaged(context: Context): { readonly steps: readonly PlanStep[]; readonly groups: readonly Ref[] } {
  const { id, name, spec, observed } = context;
  const found = ownGroup(context);
  const tags = tagsOf(id, spec.tags);
  const missing = rulesOf(spec).filter((rule) => !found?.rules.some((one) => ruleKey(one) === ruleKey(rule)));
  const create = step(groupStep, { kind: "createGroup", name, vpcId: observed.network.vpcId, tags });
  const group: Ref = found?.id ?? { step: groupStep, output: "id" };
  const authorize = step(
    `${groupStep}/rules`,
    { kind: "authorize", group, rules: missing, tags: ownerTags(id) },
    {
      after: found === undefined ? [groupStep] : [],
      diff: missing.map((rule) => ({ path: ruleKey(rule), from: undefined, to: "allowed" })),
    },
  );
  const steps = [
    ...(found === undefined ? [create] : tagSteps(groupStep, { at: "ec2", id: found.id, tags: found.tags }, tags)),
    ...(missing.length > 0 ? [authorize] : []),
  ];
  return { steps, groups: [group] };
}

/** What lets in whom nobody wants any more goes last; what has no tag of ours was made by hand, and stays. */
export function planStaleRules(context: Context, after: readonly string[]): readonly PlanStep[] {
  const { id, spec } = context;
  const found = ownGroup(context);
  if (found === undefined || spec.securityGroups.kind !== "managed") return [];
  const wanted = new Set(rulesOf(spec).map(ruleKey));
  const stale = found.rules.filter((rule) => !wanted.has(ruleKey(rule)) && isOwn(rule.tags, id));
  if (stale.length === 0) return [];
  const diff = stale.map((rule) => ({ path: ruleKey(rule), from: "allowed", to: undefined }));
  const input = { kind: "revoke", group: found.id, rules: stale.map((rule) => rule.id) } as const;
  return [step(`${groupStep}/old-rules`, input, { after, diff })];
}

/** A group of ours that the load balancer has no more. */
export function planStaleGroups(context: Context, after: readonly string[]): readonly PlanStep[] {
  const { id, spec, observed, name } = context;
  const used = new Set(observed.loadBalancers.filter(({ tags }) => isOwn(tags, id)).map((one) => one.name));
  const isWanted = (group: ObservedGroup): boolean =>
    group.name === name ? spec.securityGroups.kind === "managed" : used.has(group.name);
  return observed.groups
    .filter((group) => isOwn(group.tags, id) && !isWanted(group))
    .map((group) => step(`old-group/${group.id}`, { kind: "deleteGroup", id: group.id }, { after }));
}

function ownGroup({ id, name, observed }: Context): ObservedGroup | undefined {
  const found = observed.groups.find((group) => group.name === name);
  if (found !== undefined) refuseForeign(`security group ${found.id} of the name ${name}`, found.tags, id);
  return found;
}

/** What a word in an annotation means: an ID, or the name of exactly one group of the VPC. */
function groupId(word: string, { observed }: Context): string {
  const { vpcId, groups } = observed.network;
  const [found, ...more] = groups.filter(({ id, name, tags }) => id === word || name === word || tags["Name"] === word);
  const remedy = `give security groups of ${vpcId}, by ID or Name`;
  if (found === undefined) throw blocked("SecurityGroupNotFound", remedy, `${word} is none of it`);
  if (more.length > 0) throw blocked("SecurityGroupAmbiguous", "give its ID", `several groups have the name ${word}`);
  if (found.tags[tagKeys.cluster] !== undefined)
    throw blocked("SecurityGroupReserved", "give another one", `${word} is Berth's own`);
  return found.id;
}

/** Who may connect to which listener; none where that is not up to us. */
export function rulesOf({ listeners, securityGroups }: NlbSpec): readonly Rule[] {
  if (securityGroups.kind !== "managed") return [];
  const { sources, prefixLists, pathMtu } = securityGroups;
  const ports = listeners.flatMap(({ port, protocol }) => {
    const words = protocol === "TCP_UDP" ? (["tcp", "udp"] as const) : ([protocol === "UDP" ? "udp" : "tcp"] as const);
    return words.flatMap((word) =>
      [...sources, ...prefixLists].map((source): Rule => ({ protocol: word, from: port, to: port, source })),
    );
  });
  return [...ports, ...(pathMtu ? sources.map(pathMtuRule) : [])];
}

/** "Fragmentation needed", and "packet too big". */
function pathMtuRule(source: string): Rule {
  const isIpv6 = parseCidr(source)?.base.family === "IPv6";
  return isIpv6 ? { protocol: "icmpv6", from: 2, to: 0, source } : { protocol: "icmp", from: 3, to: 4, source };
}

export function ruleKey({ protocol, from, to, source }: Rule): string {
  return `${protocol} ${from === to ? from : `${from}-${to}`} ${source}`;
}

function blocked(reason: string, remedy: string, message: string): ProviderError {
  return new ProviderError({ kind: "blocked", reason, remedy }, message);
}
