import type { PlanStep } from "../../../src/provider/index.ts";
import type { Membership } from "../observation.ts";
import { type Group, refOf, refText } from "../resources.ts";
import type { Machine } from "./machines.ts";
import { idsOf, insertStep, step } from "./steps.ts";

export interface GroupLimits {
  /** As many as one request takes. */
  readonly batch: number;
  /** As many as there may be in a group. */
  readonly members: number;
}

/** First those that come, then those that go, so a group that changes as a whole is never empty; where there is no room, the other way round. */
export function groupSteps(
  group: Group,
  machines: readonly Machine[],
  membership: Pick<Membership<Group>, "endpoints" | "refused"> | undefined,
  { batch, members }: GroupLimits,
): readonly PlanStep[] {
  const make = membership === undefined ? [insertStep(group)] : [];
  const there = new Set(membership?.endpoints.map(({ instance }) => instance));
  const wanted = new Set(machines.map(({ instance }) => instance));
  const refused = new Set(membership?.refused.map(({ instance }) => instance));
  const coming = [...wanted.difference(there).difference(refused)];
  const going = [...there.difference(wanted)];
  const change = (verb: "attach" | "detach", after: readonly PlanStep[]): readonly PlanStep[] =>
    batches(verb, group, { instances: verb === "attach" ? coming : going, after, size: batch });
  if (there.size + coming.length > members) {
    const detach = change("detach", make);
    return [...make, ...detach, ...change("attach", [...make, ...detach])];
  }
  const attach = change("attach", make);
  return [...make, ...attach, ...change("detach", attach)];
}

interface Batches {
  readonly instances: readonly string[];
  readonly after: readonly PlanStep[];
  readonly size: number;
}

function batches(verb: "attach" | "detach", group: Group, { instances, after, size }: Batches): readonly PlanStep[] {
  const sorted = instances.toSorted();
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, i) => {
    const batch = sorted.slice(i * size, (i + 1) * size);
    const id = `${verb} ${refText(refOf(group))}${i === 0 ? "" : ` (${i + 1})`}`;
    const endpoints = batch.map((instance) => ({ instance }));
    const names = batch.join(",");
    const change = verb === "attach" ? { from: undefined, to: names } : { from: names, to: undefined };
    return step(
      id,
      "update",
      { verb, kind: group.kind, group: group.name, zone: group.zone, endpoints },
      { dependsOn: idsOf(after), diff: [{ path: "endpoints", ...change }] },
    );
  });
}
