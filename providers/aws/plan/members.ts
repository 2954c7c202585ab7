import { type DesiredLoadBalancer, type NodeTarget, targetSubset } from "../../../src/model/index.ts";
import { makePlan, type Plan, type PlanStep, type PlanTime, type Wait } from "../../../src/provider/index.ts";
import { isOwn, tagKeys } from "../identity.ts";
import type { MemberGroup, MembersObservation, ObservedTarget, Target } from "../observation.ts";
import { type NlbSpec, nlbSpec } from "../schema/index.ts";
import { loadBalancerName, type NlbSettings, sharedKey, targetGroupName } from "./context.ts";
import { fateOf, hasRules, instanceIdOf, type NodeFate, rulesFor } from "./nodes.ts";
import { summaryOf } from "./service.ts";
import { idsOf, quickPollMs, slowPollMs, step } from "./steps.ts";

/** AWS takes 200; a smaller batch is split sooner when one instance of it is bad. */
const batchSize = 100;
/** AWS' quotas: of a target group; of a load balancer, in one zone of it, and if its zones send to each other's targets. */
const maxTargets = 1000;
const maxOfLoadBalancer = 3000;
const maxInZone = 500;
const maxCrossZone = 500;
/** A node that AWS does not know after so long is left out. */
const patienceMs = 120_000;

/** Registers and deregisters nodes, and nothing else. */
export function planMembers(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: MembersObservation,
  time: PlanTime,
  settings: NlbSettings,
): Plan {
  const { spec } = nlbSpec(lb, settings);
  const own = observed.targetGroups.filter(({ tags }) => isOwn(tags, lb.id));
  const fates = chosenNodes(lb, nodes, spec).map((node) => fateOf(node, observed.instances));
  const waits: Wait[] = [...waitsForGroups(lb, spec, observed), ...waitsForNodes(fates, time)];
  const running = fates.filter((fate) => fate.kind === "target");
  const open = running.filter(opened(lb, observed, settings));
  if (open.length < running.length) {
    const what = `${running.length - open.length} nodes do not let its traffic in yet`;
    waits.push({ id: "node-rules", what, pollAfterMs: slowPollMs, on: sharedKey(lb.id.clusterId) });
  }
  const names = namesOf(lb, spec, observed);
  const isWaiting = waits.length > 0;
  const steps = own.flatMap((group) => {
    const listener = spec.listeners.find(({ port }) => group.tags[tagKeys.port] === `${port}`);
    // Its listener goes, and it goes after it.
    if (listener === undefined) return [];
    // One that was replaced is emptied once nothing is sent to it.
    const isOut = !names.has(group.name) && !group.isUsed;
    const { nodePort } = listener.targetGroup;
    const wanted = isOut ? [] : running.map(({ id }) => ({ id, port: nodePort }));
    const mayCome = new Set(open.map(({ id }) => id));
    return registrations(group, wanted, { mayCome, isOut, isWaiting });
  });
  const all = [...waits, ...waitsForListeners(lb, own, names)];
  return makePlan({ steps, waits: all, summary: summaryOf(steps, all) });
}

/** Until listeners send elsewhere, the targets of what was replaced stay. */
function waitsForListeners(
  { id, ports }: DesiredLoadBalancer,
  own: readonly MemberGroup[],
  names: ReadonlySet<string>,
): readonly Wait[] {
  return own
    .filter(({ name, tags, isUsed }) => {
      const isReplaced = ports.some(({ port }) => tags[tagKeys.port] === `${port}`);
      return isUsed && isReplaced && !names.has(name);
    })
    .map(({ name, tags }) => {
      const what = `port ${tags[tagKeys.port]} still uses its old target group`;
      return { id: `old/${name}`, what, pollAfterMs: slowPollMs, on: { kind: "service", id } };
    });
}

/** Those that are instances; beyond what AWS takes they are left out, the same ones each time. */
export function chosenNodes(lb: DesiredLoadBalancer, all: readonly NodeTarget[], spec: NlbSpec): readonly NodeTarget[] {
  const { attributes, listeners } = spec;
  const nodes = all.filter((node) => instanceIdOf(node) !== undefined);
  // An instance counts once for each target group.
  const share = (quota: number): number => Math.floor(quota / Math.max(1, listeners.length));
  const some = (of: readonly NodeTarget[], max: number): readonly NodeTarget[] => targetSubset(of, max, lb.id.uid);
  if (attributes["load_balancing.cross_zone.enabled"] === "true") return some(nodes, share(maxCrossZone));
  const zones = [...Map.groupBy(nodes, ({ zone = "" }) => zone).values()];
  const inZones = zones.flatMap((inZone) => some(inZone, share(maxInZone)));
  return some(inZones.length === nodes.length ? nodes : inZones, Math.min(maxTargets, share(maxOfLoadBalancer)));
}

/** New ones first, so that there is no moment without any; where there is no room, old ones first. */
function registrations(
  group: MemberGroup,
  wanted: readonly Target[],
  {
    mayCome,
    isOut,
    isWaiting,
  }: { readonly mayCome: ReadonlySet<string>; readonly isOut: boolean; readonly isWaiting: boolean },
): readonly PlanStep[] {
  const live = group.targets.filter(({ state }) => state !== "draining");
  const keys = new Set(live.map(targetKey));
  const wantedKeys = new Set(wanted.map(targetKey));
  const missing = wanted.filter(
    (target) => !keys.has(targetKey(target)) && mayCome.has(target.id) && !group.refused.includes(target.id),
  );
  const stays = missing.length > 0 || live.some((target) => wantedKeys.has(targetKey(target)));
  // The last ones stay until others are there that are about to come.
  const surplus =
    isOut || stays || !isWaiting
      ? live.filter((target) => !wantedKeys.has(targetKey(target)) && !isNeeded(target, wanted, keys, mayCome))
      : [];
  const add = (after: readonly string[]): readonly PlanStep[] =>
    batches(missing).map((targets, i) =>
      step(`register/${group.name}/${i}`, { kind: "registerTargets", targetGroup: group.arn, targets }, { after }),
    );
  const remove = (after: readonly string[]): readonly PlanStep[] =>
    batches(surplus).map((targets, i) =>
      step(`deregister/${group.name}/${i}`, { kind: "deregisterTargets", targetGroup: group.arn, targets }, { after }),
    );
  if (isOut || live.length + missing.length > maxTargets) {
    const first = remove([]);
    return [...first, ...add(idsOf(first))];
  }
  const first = add([]);
  return [...first, ...remove(idsOf(first))];
}

/** The old port of a node whose new one may not be registered yet. */
function isNeeded(
  { id }: ObservedTarget,
  wanted: readonly Target[],
  keys: ReadonlySet<string>,
  mayCome: ReadonlySet<string>,
): boolean {
  return wanted.some((target) => target.id === id && !keys.has(targetKey(target))) && !mayCome.has(id);
}

function opened(
  lb: DesiredLoadBalancer,
  { backendGroup, nodeRules, vpcCidrs }: MembersObservation,
  settings: NlbSettings,
): (fate: Extract<NodeFate, { kind: "target" }>) => boolean {
  const rules = rulesFor(lb, { backendGroup, vpcCidrs, settings });
  return ({ instance }) =>
    rules !== undefined && (rules.length === 0 || instance.groups.some((group) => hasRules(group, rules, nodeRules)));
}

function namesOf(lb: DesiredLoadBalancer, spec: NlbSpec, { vpcId }: MembersObservation): ReadonlySet<string> {
  const name = loadBalancerName(lb, spec, vpcId);
  return new Set(spec.listeners.map((listener) => targetGroupName(lb.id, name, listener)));
}

function waitsForGroups(lb: DesiredLoadBalancer, spec: NlbSpec, observed: MembersObservation): readonly Wait[] {
  const present = new Set(observed.targetGroups.map(({ name }) => name));
  const missing = [...namesOf(lb, spec, observed)].filter((name) => !present.has(name));
  if (missing.length === 0) return [];
  const what = `${missing.length} target groups are not there yet`;
  return [{ id: "target-groups", what, pollAfterMs: quickPollMs, on: { kind: "service", id: lb.id } }];
}

function waitsForNodes(fates: readonly NodeFate[], time: PlanTime): readonly Wait[] {
  return fates.flatMap((fate): Wait[] => {
    const id = `node/${fate.node.name}`;
    if (fate.kind !== "soon" || time.since(id) >= patienceMs) return [];
    return [{ id, what: `${fate.node.name} ${fate.why}`, pollAfterMs: slowPollMs }];
  });
}

function batches(targets: readonly Target[]): readonly (readonly Target[])[] {
  const sorted = targets
    .map(({ id, port }) => ({ id, port }))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.port - b.port));
  return Array.from({ length: Math.ceil(sorted.length / batchSize) }, (_, i) =>
    sorted.slice(i * batchSize, (i + 1) * batchSize),
  );
}

function targetKey({ id, port }: Target): string {
  return `${id}:${port}`;
}
