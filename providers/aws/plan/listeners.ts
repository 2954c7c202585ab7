import type { Issue, PlanStep, ScopeKey, Wait } from "../../../src/provider/index.ts";
import type { ListenerContent, Ref } from "../actions.ts";
import { isOwn, tagsOf } from "../identity.ts";
import type { ObservedListener, ObservedTargetGroup, Weighted } from "../observation.ts";
import { fallbacksOf, type ListenerProtocol, type ListenerSpec, listenerAttributes } from "../schema/index.ts";
import type { Context } from "./context.ts";
import { changedPairs, pairsDiff, quickPollMs, sameSet, slowPollMs, step, tagSteps } from "./steps.ts";
import type { TargetGroupPlan } from "./target-groups.ts";

/** So long the old target group carries the traffic while the new one has no healthy target. */
const patienceMs = 300_000;

export interface ListenerPlan {
  readonly steps: readonly PlanStep[];
  readonly waits: readonly Wait[];
}

/** The listener of one port of a load balancer that exists or is made by this plan. */
export function planListener(
  context: Context,
  listener: ListenerSpec,
  loadBalancer: Ref,
  group: TargetGroupPlan,
  after: readonly string[],
): ListenerPlan {
  const found = context.current?.listeners.find(({ port }) => port === listener.port);
  if (found === undefined) return { steps: planCreation(context, listener, loadBalancer, group, after), waits: [] };
  // Made by hand: its port has an issue, and the others go on.
  if (!isOwn(found.tags, context.id)) return { steps: [], waits: [] };
  return planChanges(context, listener, found, group);
}

/** Listeners of ours on ports that the Service has no more. */
export function planStaleListeners({ id, spec, current }: Context): readonly PlanStep[] {
  const wanted = new Set(spec.listeners.map(({ port }) => port));
  return (current?.listeners ?? [])
    .filter(({ port, tags }) => !wanted.has(port) && isOwn(tags, id))
    .sort((a, b) => a.port - b.port)
    .map(({ arn, port }) => step(`listener/${port}`, { kind: "deleteListener", arn }));
}

function planCreation(
  { id, spec }: Context,
  listener: ListenerSpec,
  loadBalancer: Ref,
  group: TargetGroupPlan,
  after: readonly string[],
): readonly PlanStep[] {
  const { port } = listener;
  const stepId = `listener/${port}`;
  const content = contentOf(listener, [{ targetGroup: group.ref, weight: 1 }]);
  const tags = tagsOf(id, spec.tags, port);
  const create = step(stepId, { kind: "createListener", loadBalancer, port, content, tags }, { after });
  const ref: Ref = { step: stepId, output: "arn" };
  const more = listener.tls?.certificates.slice(1) ?? [];
  const certificates = { kind: "addCertificates", listener: ref, certificates: more } as const;
  return [
    create,
    ...(more.length > 0 ? [step(`${stepId}/certificates`, certificates, { after: [stepId] })] : []),
    ...attributeSteps(stepId, ref, fallbacksOf(listenerAttributes(listener.protocol)), listener, [stepId]),
  ];
}

function planChanges(
  context: Context,
  listener: ListenerSpec,
  found: ObservedListener,
  group: TargetGroupPlan,
): ListenerPlan {
  const stepId = `listener/${listener.port}`;
  const { id, spec } = context;
  const tags = tagSteps(stepId, { at: "elb", id: found.arn, tags: found.tags }, tagsOf(id, spec.tags, listener.port));
  const turn = turnTo(context, listener, found, group);
  if (turn.kind === "wait") return { steps: tags, waits: [turn.wait] };
  const content = contentOf(listener, turn.targetGroups);
  const diff = contentDiff(found, content);
  const modify = step(stepId, { kind: "modifyListener", arn: found.arn, content, issue: turn.issue }, { diff });
  const isChanged = diff.length > 0;
  const after = isChanged ? [stepId] : [];
  const steps = [
    ...tags,
    ...(isChanged ? [modify] : []),
    ...certificateSteps(stepId, found, listener, after),
    // Those of another protocol are others.
    ...(found.protocol === listener.protocol || !isChanged
      ? attributeSteps(stepId, found.arn, found.attributes, listener, after)
      : []),
  ];
  return { steps, waits: turn.wait === undefined ? [] : [turn.wait] };
}

/** Where a listener may send now, on its way to its target group. */
type Turn =
  | { readonly kind: "wait"; readonly wait: Wait }
  | {
      readonly kind: "now";
      readonly targetGroups: readonly Weighted<Ref>[];
      readonly wait?: Wait;
      readonly issue: Issue | undefined;
    };

/**
 * Traffic goes to another target group only once it has targets. One that no listener uses is not checked by AWS, so
 * where the protocol admits both it gets a weight of 0 first, until a target of it is healthy.
 */
function turnTo(context: Context, listener: ListenerSpec, found: ObservedListener, group: TargetGroupPlan): Turn {
  const { arn: wanted, health } = group.found ?? { arn: undefined, health: undefined };
  const onlyNew = [{ targetGroup: group.ref, weight: 1 }];
  const old = found.targetGroups.filter(({ targetGroup }) => targetGroup !== wanted);
  if (old.length === 0) return { kind: "now", targetGroups: onlyNew, issue: undefined };
  const { port } = listener;
  if (context.hasNodes && (health?.registered ?? 0) === 0) {
    const what = `the new target group of port ${port} has no targets yet`;
    return { kind: "wait", wait: { id: `targets/${port}`, what, pollAfterMs: quickPollMs, on: membersOf(context) } };
  }
  const before = old.map(({ targetGroup }) => context.observed.targetGroups.find(({ arn }) => arn === targetGroup));
  const carries = before.some((one) => (one?.health?.healthy ?? 0) > 0);
  if (!carries || !context.hasNodes) return { kind: "now", targetGroups: onlyNew, issue: undefined };
  if (!before.every((one) => admits(listener.protocol, one)))
    return { kind: "now", targetGroups: onlyNew, issue: replaced(listener) };
  const waitId = `healthy/${port}`;
  if ((health?.healthy ?? 0) > 0) return { kind: "now", targetGroups: onlyNew, issue: undefined };
  const isTried = found.targetGroups.some(({ targetGroup }) => targetGroup === wanted);
  if (isTried && context.time.since(waitId) >= patienceMs)
    return { kind: "now", targetGroups: onlyNew, issue: replaced(listener) };
  const [last] = old;
  const both = [
    { targetGroup: last?.targetGroup ?? group.ref, weight: 1 },
    { targetGroup: group.ref, weight: 0 },
  ];
  const what = `no target of the new target group of port ${port} is healthy yet`;
  return { kind: "now", targetGroups: both, issue: undefined, wait: { id: waitId, what, pollAfterMs: slowPollMs } };
}

function replaced({ port, protocol }: ListenerSpec): Issue {
  const message = `the target group of port ${port} was replaced before a target of the new one was healthy`;
  const path = "spec.ports";
  const ofPort = { port, protocol: protocol === "UDP" ? "UDP" : "TCP" } as const;
  return { path, port: ofPort, severity: "degrade", reason: "TargetGroupReplaced", message };
}

/** Whether a listener of a protocol may send to a target group. */
function admits(protocol: ListenerProtocol, group: ObservedTargetGroup | undefined): boolean {
  return group?.protocol === protocol || (protocol === "TLS" && group?.protocol === "TCP");
}

function membersOf({ id }: Context): ScopeKey {
  return { kind: "members", id };
}

function contentOf({ protocol, tls }: ListenerSpec, targetGroups: readonly Weighted<Ref>[]): ListenerContent {
  return { protocol, targetGroups, tls };
}

function contentDiff(found: ObservedListener, content: ListenerContent): ReturnType<typeof pairsDiff> {
  return pairsDiff(contentFields(found), contentFields(content));
}

function contentFields({ protocol, targetGroups, tls }: ListenerContent | ObservedListener): Record<string, string> {
  // The weight of the only one means nothing.
  const isOne = targetGroups.length === 1;
  const groups = targetGroups
    .map(
      ({ targetGroup, weight }) =>
        `${typeof targetGroup === "string" ? targetGroup : "new"}${isOne ? "" : ` ${weight}`}`,
    )
    .sort();
  return {
    protocol,
    targetGroups: groups.join(", "),
    certificate: tls?.certificates[0] ?? "",
    policy: tls?.policy ?? "",
    alpn: tls?.alpn ?? "",
  };
}

/** The default certificate is a part of the listener; all others are beside it. */
function certificateSteps(
  stepId: string,
  found: ObservedListener,
  { tls }: ListenerSpec,
  after: readonly string[],
): readonly PlanStep[] {
  const wanted = tls?.certificates.slice(1) ?? [];
  const present = tls === undefined ? [] : (found.tls?.certificates.slice(1) ?? []);
  if (sameSet(wanted, present)) return [];
  const added = wanted.filter((one) => !present.includes(one));
  // The default one is not taken away beside it.
  const gone = present.filter((one) => !wanted.includes(one) && one !== tls?.certificates[0]);
  const add = { kind: "addCertificates", listener: found.arn, certificates: added } as const;
  const removal = { kind: "removeCertificates", listener: found.arn, certificates: gone } as const;
  return [
    ...(added.length > 0 ? [step(`${stepId}/certificates`, add, { after })] : []),
    ...(gone.length > 0 ? [step(`${stepId}/old-certificates`, removal, { after })] : []),
  ];
}

function attributeSteps(
  stepId: string,
  arn: Ref,
  before: ObservedListener["attributes"],
  listener: ListenerSpec,
  after: readonly string[],
): readonly PlanStep[] {
  if (before === undefined) return [];
  const attributes = changedPairs(before, listener.attributes);
  if (Object.keys(attributes).length === 0) return [];
  const input = { kind: "setAttributes", of: "listener", arn, attributes } as const;
  return [step(`${stepId}/attributes`, input, { after, diff: pairsDiff(before, listener.attributes) })];
}
