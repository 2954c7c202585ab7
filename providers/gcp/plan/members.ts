import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../../src/model/index.ts";
import type { Plan, Wait } from "../../../src/provider/index.ts";
import { linkOf, linkPath, networkLink, subnetworkLink } from "../links.ts";
import type { MembersObservation } from "../observation.ts";
import { type EndpointGroup, refOf } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { chosenMachines } from "./machines.ts";
import { groupSteps } from "./membership.ts";
import { refuseOtherNetwork } from "./network.ts";
import { isOwn, refuseForeign } from "./ownership.ts";
import { deleteStep, planOf } from "./steps.ts";
import { wishOf } from "./wish.ts";

const limits = { batch: 500, members: Number.POSITIVE_INFINITY };
const pollMs = 5000;

/**
 * One group per zone that has nodes, with the machines that get traffic. A zone's last node leaves an empty group: to
 * link one anew costs minutes of traffic when the node is back.
 */
export function planMembers(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: MembersObservation,
  flags: Settings,
): Plan {
  const { isInternal, owner, base, description, settings } = wishOf(lb, flags);
  const machines = Map.groupBy(chosenMachines(lb, isInternal, nodes, settings), ({ zone }) => zone);
  const group = (zone: string): EndpointGroup => ({
    kind: "endpointGroup",
    name: base,
    description,
    zone,
    networkEndpointType: "GCE_VM_IP",
    network: networkLink(settings),
    subnetwork: subnetworkLink(settings.subnetwork, settings),
  });
  const wanted = [...machines.keys()].map(group);
  const found = observed.groups.map(({ group }) => group);
  refuseForeign(wanted, found, owner);
  const own = observed.groups.filter(({ group }) => isOwn(group, owner));
  refuseOtherNetwork(
    own.map(({ group }) => group),
    settings,
  );
  const zones = new Set([...machines.keys(), ...own.map(({ group }) => group.zone)]);
  return planOf(
    [...zones].sort().flatMap((zone) => {
      const there = own.find(({ group }) => group.zone === zone);
      return groupSteps(group(zone), machines.get(zone) ?? [], there, limits);
    }),
  );
}

/** Each group, once nothing refers to it. */
export function planMembersAbsent(id: LbIdentity, observed: MembersObservation, settings: Settings): Plan {
  const own = observed.groups.filter(({ group }) => isOwn(group, { kind: "service", id, retained: false }));
  if (own.length === 0) return planOf([]);
  const used = new Set(observed.backendService?.backends.map(({ group }) => linkPath(group)));
  if (own.some(({ group }) => used.has(linkPath(linkOf(refOf(group), settings))))) {
    const what = "its backend service still refers to its groups";
    const wait: Wait = { id: "backend service", what, pollAfterMs: pollMs, on: { kind: "service", id } };
    return planOf([], [wait]);
  }
  return planOf(own.map(({ group }) => deleteStep(refOf(group))));
}
