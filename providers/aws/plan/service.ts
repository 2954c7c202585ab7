import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../../src/model/index.ts";
import {
  makePlan,
  type Plan,
  type PlanStep,
  type PlanTime,
  ProviderError,
  type Wait,
} from "../../../src/provider/index.ts";
import { isOwn, refuseForeign, tagKeys } from "../identity.ts";
import type { ObservedLoadBalancer, ObservedTargetGroup, ServiceObservation } from "../observation.ts";
import { nlbSpec } from "../schema/index.ts";
import { type Context, loadBalancerName, type NlbSettings, targetGroupName } from "./context.ts";
import { planGroups, planStaleGroups, planStaleRules } from "./frontend-group.ts";
import { planListener, planStaleListeners } from "./listeners.ts";
import { planLoadBalancer } from "./load-balancer.ts";
import { idsOf, quickPollMs, slowPollMs, step } from "./steps.ts";
import { planTargetGroup } from "./target-groups.ts";

/** AWS' quota for one load balancer. */
const maxListeners = 50;
/** A load balancer that was replaced stays so long, as clients remember its addresses. */
const farewellMs = 300_000;

/** What is to be done for a load balancer that is wanted. */
export function planPresent(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: ServiceObservation,
  time: PlanTime,
  settings: NlbSettings,
): Plan {
  const context = contextOf(lb, nodes, observed, time, settings);
  const groups = planGroups(context);
  const targetGroups = context.spec.listeners.map((listener) => planTargetGroup(context, listener));
  const own = planLoadBalancer(context, groups.groups, idsOf(groups.steps));
  const goneListeners = planStaleListeners(context);
  const { arn } = own;
  const listeners = context.spec.listeners.map((listener, i) => {
    const group = targetGroups[i];
    if (arn === undefined || group === undefined) return { steps: [], waits: [] };
    const made = [own, group].flatMap(({ steps }) => steps.filter(({ action }) => action === "create"));
    const after = [...idsOf(made), ...idsOf(groups.steps), ...crowdedOut(context, goneListeners)];
    return planListener(context, listener, arn, group, after);
  });
  const listenerSteps = [...goneListeners, ...listeners.flatMap(({ steps }) => steps)];
  const listenerWaits = listeners.flatMap(({ waits }) => waits);
  const before = [...idsOf(groups.steps), ...idsOf(own.steps), ...idsOf(listenerSteps)];
  const old = planReplaced(context);
  const gone = planStaleTargetGroups(context, idsOf(goneListeners));
  const swapped = idsOf(own.steps).includes("load-balancer/groups");
  const steps = [
    ...groups.steps,
    ...targetGroups.flatMap((group) => group.steps),
    ...own.steps,
    ...listenerSteps,
    ...(listenerWaits.length === 0 ? planStaleRules(context, before) : []),
    ...old.steps,
    ...gone.steps,
    ...planStaleGroups(context, swapped ? ["load-balancer/groups"] : []),
  ];
  const waits = [...groups.waits, ...own.waits, ...listenerWaits, ...old.waits, ...gone.waits];
  const replacesAddress = context.current === undefined && old.count > 0;
  return makePlan({ steps, waits, replacesAddress, summary: summaryOf(steps, waits) });
}

/** Everything that carries the tags of a Service goes. */
export function planAbsent(id: LbIdentity, observed: ServiceObservation): Plan {
  const { loadBalancers, targetGroups, groups } = ownOf(observed, id);
  loadBalancers.forEach(refuseProtected);
  const first = loadBalancers.map(planDeletion);
  const after = idsOf(first);
  const steps = [
    ...first,
    ...targetGroups.map(({ name, arn }) => step(`target-group/${name}`, { kind: "deleteTargetGroup", arn }, { after })),
    ...groups.map((group) => step(`old-group/${group.id}`, { kind: "deleteGroup", id: group.id }, { after })),
  ];
  return makePlan({ steps, summary: summaryOf(steps, []) });
}

/** The tag alone: nothing else is changed any more. */
export function planRetained(id: LbIdentity, observed: ServiceObservation): Plan {
  const { loadBalancers, targetGroups, groups } = ownOf(observed, id);
  const objects = [
    ...[...loadBalancers, ...targetGroups].map(({ name, arn, tags }) => ({ at: "elb", id: arn, name, tags }) as const),
    ...groups.map((group) => ({ at: "ec2", id: group.id, name: group.id, tags: group.tags }) as const),
  ];
  const tags = { [tagKeys.retained]: "true" };
  const diff = [{ path: tagKeys.retained, from: undefined, to: "true" }];
  const steps = objects
    .filter((object) => object.tags[tagKeys.retained] !== "true")
    .map(({ at, id: object, name }) =>
      step(`retain/${at}/${name}`, { kind: "addTags", at, id: object, tags }, { diff }),
    );
  return makePlan({ steps, summary: summaryOf(steps, []) });
}

function contextOf(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: ServiceObservation,
  time: PlanTime,
  settings: NlbSettings,
): Context {
  const { spec } = nlbSpec(lb, settings);
  const name = loadBalancerName(lb, spec, observed.network.vpcId);
  const current = observed.loadBalancers.find((one) => one.name === name);
  if (current !== undefined) refuseForeign(`load balancer ${name}`, current.tags, lb.id);
  return { id: lb.id, spec, observed, name, current, hasNodes: nodes.length > 0, time };
}

/** Where a load balancer has as many listeners as it may, new ones come after the old ones are gone. */
function crowdedOut({ spec, current }: Context, gone: readonly PlanStep[]): readonly string[] {
  const ports = new Set([...(current?.listeners ?? []), ...spec.listeners].map(({ port }) => port));
  return ports.size > maxListeners ? idsOf(gone) : [];
}

/** Load balancers of another name, which the one of this name has taken the place of. */
function planReplaced({ id, name, observed, current, time }: Context): {
  readonly steps: readonly PlanStep[];
  readonly waits: readonly Wait[];
  readonly count: number;
} {
  const old = observed.loadBalancers.filter((one) => one.name !== name && isOwn(one.tags, id));
  if (current?.state !== "active") return { steps: [], waits: [], count: old.length };
  const waits = old.flatMap((one): Wait[] => {
    const id = `old/${one.name}`;
    const what = isProtected(one)
      ? `${one.name} is protected from its deletion; turn deletion_protection.enabled off on ${one.arn}`
      : `${one.name} stays until nobody remembers its addresses`;
    return isProtected(one) || time.since(id) < farewellMs ? [{ id, what, pollAfterMs: slowPollMs }] : [];
  });
  const steps = old.filter(({ name }) => !waits.some(({ id }) => id === `old/${name}`)).map(planDeletion);
  return { steps, waits, count: old.length };
}

function isProtected({ attributes }: ObservedLoadBalancer): boolean {
  return attributes?.["deletion_protection.enabled"] === "true";
}

/** Who protected it does not want it to go with its Service. */
function refuseProtected(one: ObservedLoadBalancer): void {
  if (!isProtected(one)) return;
  const remedy = `turn deletion_protection.enabled off on ${one.arn}`;
  throw new ProviderError({ kind: "blocked", reason: "DeletionProtected", remedy }, `${one.name} is protected from it`);
}

function planDeletion({ arn, name }: ObservedLoadBalancer): PlanStep {
  return step(`old/${name}`, { kind: "deleteLoadBalancer", arn });
}

/** Target groups that no listener needs any more; connections that are open in them may end first. */
function planStaleTargetGroups(
  context: Context,
  gone: readonly string[],
): { readonly steps: readonly PlanStep[]; readonly waits: readonly Wait[] } {
  const { id, spec, observed, name } = context;
  const wanted = new Set(spec.listeners.map((listener) => targetGroupName(id, name, listener)));
  const stale = observed.targetGroups.filter((group) => !wanted.has(group.name) && isOwn(group.tags, id));
  const steps: PlanStep[] = [];
  const waits: Wait[] = [];
  for (const group of stale) {
    const users = observed.loadBalancers.flatMap(({ listeners }) =>
      listeners.filter(({ targetGroups }) => targetGroups.some(({ targetGroup }) => targetGroup === group.arn)),
    );
    const after = users.map(({ port }) => `listener/${port}`);
    if (users.some(({ port, tags }) => !gone.includes(`listener/${port}`) || !isOwn(tags, id))) continue;
    if (users.length === 0 && isReplaced(group, context) && isBusy(group)) {
      const what = `connections to the old target group of port ${group.tags[tagKeys.port]} are still open`;
      waits.push({ id: `drain/${group.name}`, what, pollAfterMs: quickPollMs, on: { kind: "members", id } });
    } else steps.push(step(`old-target-group/${group.name}`, { kind: "deleteTargetGroup", arn: group.arn }, { after }));
  }
  return { steps, waits };
}

/** Its port has another one. */
function isReplaced({ tags }: ObservedTargetGroup, { spec }: Context): boolean {
  return spec.listeners.some(({ port }) => tags[tagKeys.port] === `${port}`);
}

function isBusy({ health }: ObservedTargetGroup): boolean {
  return health !== undefined && health.registered + health.draining > 0;
}

function ownOf(
  { loadBalancers, targetGroups, groups }: ServiceObservation,
  id: LbIdentity,
): Pick<ServiceObservation, "loadBalancers" | "targetGroups" | "groups"> {
  return {
    loadBalancers: loadBalancers.filter(({ tags }) => isOwn(tags, id)),
    targetGroups: targetGroups.filter(({ tags }) => isOwn(tags, id)),
    groups: groups.filter(({ tags }) => isOwn(tags, id)),
  };
}

/** One line for people. */
export function summaryOf(steps: readonly PlanStep[], waits: readonly Wait[]): string {
  const parts = [...steps.map(({ action, id }) => `${action} ${id}`), ...waits.map(({ what }) => `wait: ${what}`)];
  return parts.length === 0 ? "nothing to do" : parts.join(", ");
}
