import { type PlanStep, ProviderError, type Wait } from "../../../src/provider/index.ts";
import type { Ref, SubnetMapping } from "../actions.ts";
import { tagsOf } from "../identity.ts";
import type { ObservedLoadBalancer } from "../observation.ts";
import { fallbacksOf, loadBalancerAttributes } from "../schema/index.ts";
import type { Context } from "./context.ts";
import { changedPairs, pairsDiff, sameSet, slowPollMs, step, tagSteps } from "./steps.ts";
import { subnetMappings } from "./subnets.ts";

export interface LoadBalancerPlan {
  readonly steps: readonly PlanStep[];
  /** Undefined: it does not exist, and no step of this plan makes it. */
  readonly arn: Ref | undefined;
  readonly waits: readonly Wait[];
}

const id = "load-balancer";

/** The load balancer itself, once its security groups are there; without them it never could have any. */
export function planLoadBalancer(
  context: Context,
  groups: readonly Ref[] | undefined,
  after: readonly string[],
): LoadBalancerPlan {
  const { current } = context;
  if (current !== undefined) return planChanges(context, current, groups, after);
  // Where there is no place for it nothing of it is made.
  const subnets = subnetMappings(context.spec, context.observed.network, undefined);
  if (groups === undefined) return { steps: [], arn: undefined, waits: [] };
  return planCreation(context, subnets, groups, after);
}

function planCreation(
  context: Context,
  subnets: readonly SubnetMapping[],
  groups: readonly Ref[],
  after: readonly string[],
): LoadBalancerPlan {
  const { spec, name } = context;
  const { scheme, ipAddressType, sourceNat } = spec;
  const tags = tagsOf(context.id, spec.tags);
  const arn: Ref = { step: id, output: "arn" };
  const create = { kind: "createLoadBalancer", name, scheme, ipAddressType, sourceNat, subnets, groups, tags } as const;
  const attributes = changedPairs(fallbacksOf(loadBalancerAttributes), spec.attributes);
  const steps = [
    step(id, create, { after }),
    ...(privateLinkOf(context) === false
      ? [step(`${id}/groups`, { kind: "setSecurityGroups", arn, groups, privateLink: false }, { after: [id] })]
      : []),
    ...(Object.keys(attributes).length > 0
      ? [step(`${id}/attributes`, { kind: "setAttributes", of: "loadBalancer", arn, attributes }, { after: [id] })]
      : []),
  ];
  return { steps, arn, waits: [waitForActive] };
}

/** Each after the one before it, in the order that leaves no hole. */
function planChanges(
  context: Context,
  current: ObservedLoadBalancer,
  groups: readonly Ref[] | undefined,
  after: readonly string[],
): LoadBalancerPlan {
  const { spec } = context;
  refuseImmutable(context, current);
  if (current.state === "failed")
    throw blocked("LoadBalancerFailed", "delete it at AWS once the cause is mended", current.stateReason);
  const tags = tagSteps(id, { at: "elb", id: current.arn, tags: current.tags }, tagsOf(context.id, spec.tags));
  const changes = [
    ...(groups === undefined ? [] : groupChanges(context, current, groups)),
    ...placeChanges(context, current),
    ...attributeChanges(context, current),
  ];
  const chained = changes.map((one, i) => ({ ...one, dependsOn: [changes[i - 1]?.id ?? after].flat() }));
  const waits = current.state === "provisioning" ? [waitForActive] : [];
  return { steps: [...tags, ...chained], arn: current.arn, waits };
}

/** Only one with a name of the user's own can be the wrong one. */
function refuseImmutable({ spec, observed }: Context, current: ObservedLoadBalancer): void {
  const hasGroups = current.groups.length > 0;
  const wrong =
    current.scheme !== spec.scheme
      ? `is ${current.scheme}`
      : current.vpcId !== observed.network.vpcId
        ? `is in ${current.vpcId}`
        : hasGroups !== (spec.securityGroups.kind !== "none")
          ? `was made ${hasGroups ? "with" : "without"} security groups`
          : undefined;
  if (wrong === undefined) return;
  const message = `${current.name} ${wrong}, which AWS cannot change`;
  throw blocked("ReplacementNeedsName", "give it another name, so that the two can stand side by side", message);
}

function groupChanges(context: Context, current: ObservedLoadBalancer, groups: readonly Ref[]): readonly PlanStep[] {
  const privateLink = privateLinkOf(context);
  const isSame = sameSet(groups, current.groups) && (groups.length === 0 || current.privateLink === privateLink);
  if (isSame) return [];
  const to = groups.map((ref) => (typeof ref === "string" ? ref : "a new one")).join(", ");
  const diff = [{ path: "groups", from: current.groups.join(", "), to }];
  return [step(`${id}/groups`, { kind: "setSecurityGroups", arn: current.arn, groups, privateLink }, { diff })];
}

function placeChanges({ spec, observed }: Context, current: ObservedLoadBalancer): readonly PlanStep[] {
  const { ipAddressType, sourceNat } = spec;
  const subnets = subnetMappings(spec, observed.network, current.subnets);
  const wanted = subnets.map(({ subnet }) => subnet);
  const isSame =
    sameSet(wanted, current.subnets) && ipAddressType === current.ipAddressType && sourceNat === current.sourceNat;
  if (isSame) return [];
  const diff = [
    { path: "subnets", from: current.subnets.toSorted().join(", "), to: wanted.toSorted().join(", ") },
    { path: "ipAddressType", from: current.ipAddressType, to: ipAddressType },
    { path: "sourceNat", from: String(current.sourceNat), to: String(sourceNat) },
  ].filter(({ from, to }) => from !== to);
  const input = { kind: "setSubnets", arn: current.arn, subnets, ipAddressType, sourceNat } as const;
  return [step(`${id}/subnets`, input, { diff })];
}

function attributeChanges({ spec }: Context, current: ObservedLoadBalancer): readonly PlanStep[] {
  if (current.attributes === undefined) return [];
  const attributes = changedPairs(current.attributes, spec.attributes);
  if (Object.keys(attributes).length === 0) return [];
  const diff = pairsDiff(current.attributes, spec.attributes);
  const input = { kind: "setAttributes", of: "loadBalancer", arn: current.arn, attributes } as const;
  return [step(`${id}/attributes`, input, { diff })];
}

/** AWS' default is on; without security groups there is no such thing. */
function privateLinkOf({ spec }: Context): boolean | undefined {
  return spec.securityGroups.kind === "none" ? undefined : (spec.securityGroups.privateLink ?? true);
}

const waitForActive: Wait = { id: "active", what: "AWS is still setting it up", pollAfterMs: slowPollMs };

function blocked(reason: string, remedy: string, message: string): ProviderError {
  return new ProviderError({ kind: "blocked", reason, remedy }, message);
}
