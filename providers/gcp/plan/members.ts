import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../../src/model/index.ts";
import type { Plan, PlanStep, Wait } from "../../../src/provider/index.ts";
import { linkOf, linkPath, networkLink, subnetworkLink } from "../links.ts";
import type { MembersObservation } from "../observation.ts";
import { type Endpoint, type EndpointGroup, refOf, refText } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { chosenMachines, type Machine } from "./machines.ts";
import { isOwn, refuseForeign } from "./ownership.ts";
import { deleteStep, insertStep, planOf, step } from "./steps.ts";
import { wishOf } from "./wish.ts";

/** As many endpoints as one request takes. */
const batchSize = 500;
const pollMs = 5000;

/**
 * One group per zone that has nodes, with the machines that get traffic. A zone's last node leaves an empty group: to
 * link one anew costs minutes of traffic when the node is back.
 */
export function planMembers(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: MembersObservation,
  settings: Settings,
): Plan {
  const { isInternal, owner, base, description } = wishOf(lb, settings);
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
  const zones = new Set([...machines.keys(), ...own.map(({ group }) => group.zone)]);
  return planOf(
    [...zones].sort().flatMap((zone) => {
      const there = own.find(({ group }) => group.zone === zone);
      return zoneSteps(group(zone), machines.get(zone) ?? [], there?.endpoints);
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

/** First those that come, then those that go, so a group that changes as a whole is never empty. */
function zoneSteps(
  group: EndpointGroup,
  machines: readonly Machine[],
  endpoints: readonly Endpoint[] | undefined,
): readonly PlanStep[] {
  const make = endpoints === undefined ? [insertStep(group)] : [];
  const there = new Set(endpoints?.map(({ instance }) => instance));
  const wanted = new Set(machines.map(({ instance }) => instance));
  const coming = [...wanted.difference(there)];
  const going = [...there.difference(wanted)];
  const attach = batches("attach", group, coming, make);
  return [...make, ...attach, ...batches("detach", group, going, attach)];
}

function batches(
  verb: "attach" | "detach",
  group: EndpointGroup,
  instances: readonly string[],
  after: readonly PlanStep[],
): readonly PlanStep[] {
  const sorted = instances.toSorted();
  return Array.from({ length: Math.ceil(sorted.length / batchSize) }, (_, i) => {
    const batch = sorted.slice(i * batchSize, (i + 1) * batchSize);
    const id = `${verb} ${refText(refOf(group))}${i === 0 ? "" : ` (${i + 1})`}`;
    const endpoints = batch.map((instance) => ({ instance }));
    const names = batch.join(",");
    const change = verb === "attach" ? { from: undefined, to: names } : { from: names, to: undefined };
    return step(
      id,
      "update",
      { verb, group: group.name, zone: group.zone, endpoints },
      {
        dependsOn: after.map((before) => before.id),
        diff: [{ path: "endpoints", ...change }],
      },
    );
  });
}
