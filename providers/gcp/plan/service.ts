import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../../src/model/index.ts";
import type { Plan, PlanStep, Wait } from "../../../src/provider/index.ts";
import { lastPart } from "../links.ts";
import type { ServiceObservation } from "../observation.ts";
import { type Owner, renderOwner } from "../owner.ts";
import type { EndpointGroup, Group, InstanceGroup, Resource } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { type ChosenAddress, chooseAddresses, tierOf } from "./addresses.ts";
import { backendService, ownHealthCheck, sharedHealthCheckName } from "./backend.ts";
import { compare } from "./comparison.ts";
import { isCovered } from "./equivalent.ts";
import { firewalls } from "./firewalls.ts";
import { machinesOf } from "./machines.ts";
import { refuseOtherNetwork } from "./network.ts";
import { hasName, isOwn, refuseForeign } from "./ownership.ts";
import { destinationOf, forwardingRules } from "./rules.ts";
import { projectsOf, sharedFirewall, sharedKey, sharedOwner } from "./shared.ts";
import { changeStep, idsOf, insertStep, planOf } from "./steps.ts";
import { orderedDeletes, type Parts, transition } from "./transition.ts";
import { type Wish, wishOf } from "./wish.ts";

/** How soon to look again for what another scope makes; it also wakes this one. */
const pollMs = 5000;

/** The load balancer without its groups of endpoints. Throws `conflict` and `blocked`. */
export function planService(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: ServiceObservation,
  settings: Settings,
): Plan {
  const asked = wishOf(lb, settings);
  refuseOtherNetwork(ownGroups(asked, observed), asked.settings);
  const wish = { ...asked, tier: tierOf(asked, observed) };
  const own = ownParts(wish.owner, observed);
  const addresses = chooseAddresses(wish, observed);
  const parts = partsOf(wish, addresses, observed);
  refuseForeign(allOf(parts), [...observed.resources, ...observed.addresses], wish.owner);
  const waits = backendWaits(wish, nodes, observed);
  const replaces = addresses.some((address) => address.replaces);
  if (waits.length > 0 || addresses.some(({ ip }) => ip === undefined))
    return planOf(preparation(parts, own, waits.length === 0), waits, replaces);
  const closed = denyWaits(wish, observed);
  const steps = transition({ ...parts, mayDeny: closed.length === 0 }, own);
  return planOf(steps, [...closed, ...zoneWaits(wish, nodes, ownGroups(wish, observed))], replaces);
}

/** Everything of it that is ours; groups of endpoints are the members' to delete. */
export function planServiceAbsent(id: LbIdentity, observed: ServiceObservation): Plan {
  return planOf(orderedDeletes(ownParts({ kind: "service", id, retained: false }, observed)));
}

/** One mark for the whole: who lists what is ours finds it there. */
export function planServiceRetained(id: LbIdentity, observed: ServiceObservation): Plan {
  const owner = { kind: "service", id, retained: false } as const;
  const found = ownParts(owner, observed).find((resource) => resource.kind === "backendService");
  if (found === undefined) return planOf([]);
  const marked = { ...found, description: renderOwner({ ...owner, retained: true }) };
  const comparison = compare(marked, found);
  return planOf(comparison.change === "none" ? [] : [changeStep(marked, comparison)]);
}

function ownParts(owner: Owner, { resources, addresses }: ServiceObservation): readonly Resource[] {
  const parts = resources.filter(({ kind }) => kind !== "endpointGroup" && kind !== "address");
  return [...addresses, ...parts].filter((resource) => isOwn(resource, owner));
}

/** Those that its backend service can refer to. */
function ownGroups({ lb, owner, settings }: Wish, { resources, shared }: ServiceObservation): readonly Group[] {
  if (settings.backends === "endpoint-groups")
    return resources.filter(
      (resource): resource is EndpointGroup => resource.kind === "endpointGroup" && isOwn(resource, owner),
    );
  return shared.filter(
    (resource): resource is InstanceGroup =>
      resource.kind === "instanceGroup" &&
      resource.network !== undefined &&
      isOwn(resource, sharedOwner(lb.id.clusterId, "instance-groups")),
  );
}

/** All that can be said of it now: what is at an address that is not known yet is left out. */
function partsOf(wish: Wish, addresses: readonly ChosenAddress[], observed: ServiceObservation): Parts {
  const known = addresses.flatMap(({ family, ip }) => (ip === undefined ? [] : [{ family, ip }]));
  return {
    addresses: addresses.flatMap(({ own }) => own ?? []),
    healthCheck: ownHealthCheck(wish),
    backendService: backendService(wish, ownGroups(wish, observed)),
    firewalls: known
      .flatMap(({ family, ip }) => firewalls(wish, family, destinationOf(family, ip)))
      .filter((one) => hasName(one, observed.resources) || !isCovered(one, observed.otherFirewalls)),
    mayDeny: true,
    rules: known.flatMap(({ family, ip }) => forwardingRules(wish, family, ip)),
  };
}

function allOf({ addresses, healthCheck, backendService, firewalls, rules }: Parts): readonly Resource[] {
  return [...addresses, ...(healthCheck ? [healthCheck] : []), backendService, ...firewalls, ...rules];
}

/** What changes nothing of what is served: addresses, a check of its own, the backend service where there is none. */
function preparation(
  { addresses, healthCheck, backendService }: Parts,
  own: readonly Resource[],
  mayServe: boolean,
): readonly PlanStep[] {
  const lacks = (wanted: Resource): boolean =>
    !own.some(({ kind, name }) => kind === wanted.kind && name === wanted.name);
  const held = addresses.filter(lacks).map((address) => insertStep(address));
  const checks = healthCheck === undefined || !lacks(healthCheck) ? [] : [insertStep(healthCheck)];
  const services = mayServe && lacks(backendService) ? [insertStep(backendService, idsOf(checks))] : [];
  return [...held, ...checks, ...services];
}

/** Without these there is nothing that could be served. */
function backendWaits(wish: Wish, nodes: readonly NodeTarget[], observed: ServiceObservation): readonly Wait[] {
  const { id, externalTrafficPolicy } = wish.lb;
  const check = sharedHealthCheckName(id.clusterId);
  const hasCheck = externalTrafficPolicy === "Local" || ownShared(id, observed).some(({ name }) => name === check);
  const groups = ownGroups(wish, observed);
  return [
    ...(hasCheck ? [] : [sharedWait("check", id, "the health check of the cluster is not there yet")]),
    ...projectWaits(wish, observed),
    ...(changesCheck(wish, observed) ? probeWaits(wish, observed) : []),
    ...(groups.length === 0 ? zoneWaits(wish, nodes, groups) : []),
    ...(changesOver(wish, observed)
      ? zoneWaits(
          wish,
          nodes,
          groups.filter(({ size = 0 }) => size > 0),
        )
      : []),
  ];
}

/** No firewall rule is made where nobody would look for it when it has to go. */
function projectWaits(
  { lb: { id }, settings: { otherProject, disableFirewalls } }: Wish,
  { shared }: ServiceObservation,
): readonly Wait[] {
  if (otherProject === undefined || disableFirewalls || projectsOf(id.clusterId, shared).includes(otherProject))
    return [];
  return [sharedWait("project", id, `it is not noted yet that project ${otherProject} has its network`)];
}

/** It serves by groups of the other kind yet, so none of its zones may be missing, or empty, when that ends. */
function changesOver(wish: Wish, observed: ServiceObservation): boolean {
  const others = wish.settings.backends === "endpoint-groups" ? "/instanceGroups/" : "/networkEndpointGroups/";
  return ownParts(wish.owner, observed).some(
    (resource) => resource.kind === "backendService" && resource.backends.some(({ group }) => group.includes(others)),
  );
}

/** A zone more is taken in when it has a group; until then the others serve. */
function zoneWaits(
  { lb: { id }, settings }: Wish,
  nodes: readonly NodeTarget[],
  groups: readonly Group[],
): readonly Wait[] {
  const zones = new Set(machinesOf(nodes, settings).map(({ zone }) => zone));
  const lacking = zones.difference(new Set(groups.map(({ zone }) => zone)));
  if (lacking.size === 0) return [];
  const what = `its nodes in ${[...lacking].sort().join(", ")} have no group yet`;
  const isShared = settings.backends === "instance-groups";
  const on = isShared ? sharedKey(id.clusterId, "instance-groups") : ({ kind: "members", id } as const);
  return [{ id: "groups", what, pollAfterMs: pollMs, on }];
}

/** Probes have to be let in by a rule that comes first before everything else is kept out. */
function denyWaits(wish: Wish, observed: ServiceObservation): readonly Wait[] {
  return wish.isInternal ? [] : probeWaits(wish, observed);
}

/** It is asked by a check of its own yet, and is to be by the shared one; where others open the way, nobody knows when. */
function changesCheck({ owner, settings }: Wish, observed: ServiceObservation): boolean {
  const shared = sharedHealthCheckName(owner.id.clusterId);
  const isAsked = (link: string): boolean => lastPart(link) !== shared;
  return (
    settings.networkProject === settings.project &&
    ownParts(owner, observed).some((one) => one.kind === "backendService" && one.healthChecks.some(isAsked))
  );
}

function probeWaits({ lb, settings }: Wish, observed: ServiceObservation): readonly Wait[] {
  if (settings.disableFirewalls || lb.externalTrafficPolicy === "Local") return [];
  const open = lb.families.every((family) => {
    const own = ownShared(lb.id, observed).filter((resource) => resource.kind === "firewall");
    return isCovered(sharedFirewall(lb.id.clusterId, family, settings), [...own, ...observed.otherFirewalls]);
  });
  return open ? [] : [sharedWait("probes", lb.id, "the firewall does not let the cluster's health probes in yet")];
}

function ownShared({ clusterId }: LbIdentity, { shared }: ServiceObservation): readonly Resource[] {
  return shared.filter((resource) => isOwn(resource, sharedOwner(clusterId)));
}

function sharedWait(id: string, { clusterId }: LbIdentity, what: string): Wait {
  return { id, what, pollAfterMs: pollMs, on: sharedKey(clusterId) };
}
