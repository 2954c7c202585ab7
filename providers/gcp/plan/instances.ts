import { type NodeTarget, targetSubset } from "../../../src/model/index.ts";
import type { Plan } from "../../../src/provider/index.ts";
import { instanceGroupName, sharedBaseName } from "../names.ts";
import type { InstancesObservation } from "../observation.ts";
import { renderOwner } from "../owner.ts";
import type { InstanceGroup } from "../resources.ts";
import { refOf } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { machinesOf } from "./machines.ts";
import { groupSteps } from "./membership.ts";
import { isOwn, refuseForeign } from "./ownership.ts";
import { sharedOwner } from "./shared.ts";
import { deleteStep, planOf } from "./steps.ts";

/** As many machines as an instance group takes, all at once if need be. */
export const maxInstances = 1000;
const limits = { batch: maxInstances, members: maxInstances };

/**
 * One group of whole machines per zone, for all load balancers of the cluster. A zone that lost its last node keeps its
 * group; where there is no node at all nobody is taken out, as that is rather a list that failed than a cluster.
 */
export function planInstances(
  clusterId: string,
  nodes: readonly NodeTarget[],
  observed: InstancesObservation,
  settings: Settings,
): Plan {
  const owner = sharedOwner(clusterId, "instance-groups");
  const name = instanceGroupName(sharedBaseName(clusterId));
  const eligible = nodes.filter((node) => machinesOf([node], settings).length > 0);
  const zones = Map.groupBy(eligible, (node) => machinesOf([node], settings)[0]?.zone ?? "");
  const group = (zone: string): InstanceGroup => ({
    kind: "instanceGroup",
    name,
    description: renderOwner(owner),
    zone,
  });
  refuseForeign(
    [...zones.keys()].map(group),
    observed.groups.map(({ group }) => group),
    owner,
  );
  if (zones.size === 0) return planOf([]);
  const own = observed.groups.filter(({ group }) => isOwn(group, owner));
  const all = new Set([...zones.keys(), ...own.map(({ group }) => group.zone)]);
  return planOf(
    [...all].sort().flatMap((zone) => {
      const there = own.find(({ group }) => group.zone === zone);
      const machines = machinesOf(targetSubset(zones.get(zone) ?? [], maxInstances, clusterId), settings);
      return groupSteps(group(zone), machines, there, limits);
    }),
  );
}

/** Once no load balancer sends there any more. */
export function planInstancesAbsent(clusterId: string, observed: InstancesObservation): Plan {
  if (observed.users.length > 0) return planOf([]);
  const own = observed.groups.filter(({ group }) => isOwn(group, sharedOwner(clusterId, "instance-groups")));
  return planOf(own.map(({ group }) => deleteStep(refOf(group))));
}
