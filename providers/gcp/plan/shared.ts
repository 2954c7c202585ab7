import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import type { Family } from "../../../src/net/index.ts";
import type { Plan, PlanStep, ScopeKey } from "../../../src/provider/index.ts";
import { sharedBaseName } from "../names.ts";
import type { SharedObservation } from "../observation.ts";
import { type Owner, parseOwner, renderOwner } from "../owner.ts";
import { type Firewall, type Resource, refOf, refText } from "../resources.ts";
import { type Settings, settingsFor } from "../settings.ts";
import { sharedHealthCheck, sharedHealthCheckName } from "./backend.ts";
import { asPatient, compare } from "./comparison.ts";
import { isCovered } from "./equivalent.ts";
import { firewallForProbes } from "./firewalls.ts";
import { hasName, isOwn, refuseForeign } from "./ownership.ts";
import { changeStep, deleteStep, insertStep, planOf } from "./steps.ts";
import { orderedDeletes } from "./transition.ts";

/**
 * What load balancers of a cluster share: the check of policy Cluster and the way for its probes, and where they send to
 * whole machines the groups of these.
 */
export type SharedName = "health-check" | "instance-groups";

/** Where every node says whether it takes traffic, for all Services of policy Cluster alike. */
const nodeCheck = { port: 10_256, path: "/healthz" } as const;

export function sharedKey(clusterId: string, name: SharedName = "health-check"): Extract<ScopeKey, { kind: "shared" }> {
  return { kind: "shared", clusterId, name };
}

export function sharedOwner(clusterId: string, name: SharedName = "health-check"): Extract<Owner, { kind: "shared" }> {
  return { kind: "shared", clusterId, name };
}

/** The way for the probes of one family to every node. */
export function sharedFirewall(clusterId: string, family: Family, settings: Settings): Firewall {
  const owner = { base: sharedBaseName(clusterId), description: renderOwner(sharedOwner(clusterId)), settings };
  return firewallForProbes(owner, family, nodeCheck.port);
}

/** In which projects beside that of the flags there may be firewall rules: the check says it, which outlives them all. */
export function projectsOf(clusterId: string, shared: readonly Resource[]): readonly string[] {
  const name = sharedHealthCheckName(clusterId);
  const check = shared.find((one) => one.kind === "healthCheck" && one.name === name);
  const owner =
    check === undefined || !isOwn(check, sharedOwner(clusterId)) ? undefined : parseOwner(check.description);
  return owner?.kind === "shared" ? (owner.projects ?? []) : [];
}

/** What all need who are there: nobody has to wait for what another one does not need any more. */
export function planShared(
  clusterId: string,
  users: readonly DesiredLoadBalancer[],
  observed: SharedObservation,
  settings: Settings,
): Plan {
  const owner = sharedOwner(clusterId);
  const own = observed.resources.filter((resource) => isOwn(resource, owner));
  const noted = projectsOf(clusterId, own);
  const places = placesOf(users, settings);
  const isKnown = saysAll(users, observed);
  const projects = new Set([
    ...places.flatMap(({ otherProject }) => otherProject ?? []),
    ...noted.filter((project) => isUsed(project, own, observed)),
  ]);
  const wanted = [
    sharedHealthCheck(clusterId, renderOwner({ ...owner, projects: [...projects].sort() }), nodeCheck),
    ...places
      .filter(({ otherProject }) => otherProject === undefined || noted.includes(otherProject))
      .flatMap((place) => familiesOf(place).map((family) => sharedFirewall(clusterId, family, place)))
      .map((one) => (isKnown ? one : asWideAs(own, one)))
      .filter((one) => hasName(one, observed.resources) || !isCovered(one, observed.otherFirewalls)),
  ];
  refuseForeign(wanted, observed.resources, owner);
  const names = new Set(wanted.map((resource) => refText(refOf(resource))));
  const surplus = own.filter((one) => !names.has(refText(refOf(one))) && (isKnown || one.kind !== "firewall"));
  return planOf([...wanted.flatMap((resource) => putSteps(resource, own)), ...orderedDeletes(surplus)]);
}

/** What is still referred to stays: a load balancer that is retained has no Service any more, and serves on. */
export function planSharedAbsent(clusterId: string, observed: SharedObservation): Plan {
  if (observed.users.length > 0 || observed.usedProjects.length > 0) return planOf([]);
  const own = observed.resources.filter((resource) => isOwn(resource, sharedOwner(clusterId)));
  // The check says where they are, so it goes after them.
  const elsewhere = own.filter((resource) => resource.kind === "firewall" && resource.project !== undefined);
  return planOf(orderedDeletes(elsewhere.length > 0 ? elsewhere : own));
}

/** As many network tags as a firewall rule can have. */
const maxTags = 70;

/** Where probes have to be let in, for each project that has a network once. Classes may differ: each finds its nodes. */
function placesOf(users: readonly DesiredLoadBalancer[], settings: Settings): readonly Settings[] {
  const all = users.map((lb) => settingsFor(lb, settings)).filter(({ disableFirewalls }) => !disableFirewalls);
  return [...Map.groupBy(all, ({ networkProject }) => networkProject).values()]
    .flatMap((same) => same.slice(0, 1).map((one) => ({ ...one, nodeTags: joined(same.map((each) => each.nodeTags)) })))
    .sort((a, b) => (a.networkProject < b.networkProject ? -1 : 1));
}

/** The tags of all; none where one of them means all machines. */
function joined(lists: readonly (readonly string[])[]): readonly string[] {
  const tags = [...new Set(lists.flat())].sort();
  return tags.length > maxTags || lists.some(({ length }) => length === 0) ? [] : tags;
}

function familiesOf({ probeRanges }: Settings): readonly Family[] {
  return (["IPv4", "IPv6"] as const).filter((family) => probeRanges.some(({ base }) => base.family === family));
}

/** Whether it is known of all who need the check what else they need: not of what is retained, nor without its class. */
function saysAll(users: readonly DesiredLoadBalancer[], { users: found }: SharedObservation): boolean {
  const known = new Set(users.filter(({ parameters }) => parameters !== "unknown").map(({ id }) => id.uid));
  const owners = found.map(({ description }) => parseOwner(description));
  const isOfAll = owners.every((owner) => owner?.kind !== "service" || known.has(owner.id.uid));
  return isOfAll && known.size === users.length && users.length > 0;
}

function isUsed(project: string, own: readonly Resource[], { usedProjects }: SharedObservation): boolean {
  return usedProjects.includes(project) || own.some((one) => one.kind === "firewall" && one.project === project);
}

/** The rule, for the machines too that are let through now: somebody may need it who cannot say so. */
function asWideAs(own: readonly Resource[], rule: Firewall): Firewall {
  const found = own.find((one) => refText(refOf(one)) === refText(refOf(rule)));
  return found?.kind === "firewall" ? { ...rule, targetTags: joined([rule.targetTags, found.targetTags]) } : rule;
}

function putSteps(wanted: Resource, own: readonly Resource[]): readonly PlanStep[] {
  const found = own.find((one) => refText(refOf(one)) === refText(refOf(wanted)));
  if (found === undefined) return [insertStep(wanted)];
  const comparison = compare(wanted, found);
  if (comparison.change === "none") return [];
  if (comparison.change !== "replace") return [changeStep(asPatient(wanted, found), comparison)];
  const gone = deleteStep(refOf(wanted));
  return [gone, insertStep(wanted, [gone.id])];
}
