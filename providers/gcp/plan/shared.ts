import type { Family } from "../../../src/net/index.ts";
import type { Plan, PlanStep, ScopeKey } from "../../../src/provider/index.ts";
import { sharedBaseName } from "../names.ts";
import type { SharedObservation } from "../observation.ts";
import { type Owner, renderOwner } from "../owner.ts";
import { type Firewall, type Resource, refOf, refText } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { sharedHealthCheck } from "./backend.ts";
import { compare } from "./comparison.ts";
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

export function sharedOwner(clusterId: string, name: SharedName = "health-check"): Owner {
  return { kind: "shared", clusterId, name };
}

/** The way for the probes of one family to every node. */
export function sharedFirewall(clusterId: string, family: Family, settings: Settings): Firewall {
  const owner = { base: sharedBaseName(clusterId), description: renderOwner(sharedOwner(clusterId)), settings };
  return firewallForProbes(owner, family, nodeCheck.port);
}

/** The same for whatever users there are: none of them has to wait for what another one does not need any more. */
export function planShared(clusterId: string, observed: SharedObservation, settings: Settings): Plan {
  const owner = sharedOwner(clusterId);
  const description = renderOwner(owner);
  const families = (["IPv4", "IPv6"] as const).filter((family) =>
    settings.probeRanges.some(({ base }) => base.family === family),
  );
  const wanted = [
    sharedHealthCheck(clusterId, description, nodeCheck),
    ...(settings.disableFirewalls ? [] : families)
      .map((family) => sharedFirewall(clusterId, family, settings))
      .filter((one) => hasName(one, observed.resources) || !isCovered(one, observed.otherFirewalls)),
  ];
  refuseForeign(wanted, observed.resources, owner);
  const own = observed.resources.filter((resource) => isOwn(resource, owner));
  const names = new Set(wanted.map((resource) => refText(refOf(resource))));
  const surplus = own.filter((resource) => !names.has(refText(refOf(resource))));
  return planOf([...wanted.flatMap((resource) => putSteps(resource, own)), ...orderedDeletes(surplus)]);
}

/** What is still referred to stays: a load balancer that is retained has no Service any more, and serves on. */
export function planSharedAbsent(clusterId: string, observed: SharedObservation): Plan {
  if (observed.users.length > 0) return planOf([]);
  return planOf(orderedDeletes(observed.resources.filter((resource) => isOwn(resource, sharedOwner(clusterId)))));
}

function putSteps(wanted: Resource, own: readonly Resource[]): readonly PlanStep[] {
  const found = own.find(({ kind, name }) => kind === wanted.kind && name === wanted.name);
  if (found === undefined) return [insertStep(wanted)];
  const comparison = compare(wanted, found);
  if (comparison.change === "none") return [];
  if (comparison.change !== "replace") return [changeStep(wanted, comparison)];
  const gone = deleteStep(refOf(wanted));
  return [gone, insertStep(wanted, [gone.id])];
}
