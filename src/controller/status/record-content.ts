import { type Condition, type LoadBalancerRecordStatus, recordConditionTypes } from "../../api/index.ts";
import { cutText } from "../../base/index.ts";
import { mergeDiff, wireTime } from "../../kube/index.ts";
import { contentHash, type LbStatus, type PlanStep } from "../../provider/index.ts";
import { conditionOf, type Findings, mergeConditions } from "./conditions.ts";

/** What one look at a Service came to, as far as its Record tells it. */
export interface RecordNote {
  readonly loadBalancerClass: string | undefined;
  readonly serviceHash: string;
  readonly findings: Findings;
  readonly addresses: readonly string[];
  /** Undefined while it cannot be seen: what was known stays. */
  readonly seen?: Pick<LbStatus, "targets" | "unhealthy" | "references"> | undefined;
  /** Begun since the last Record; empty or undefined if none was. */
  readonly steps?: readonly PlanStep[] | undefined;
  readonly failure?: RecordFailure | undefined;
  /** What stands between the load balancer and its telling, which no condition can say. */
  readonly obstacle?: Awaited | undefined;
  /** Wall clock, milliseconds; undefined when something has to happen first. */
  readonly nextTryAt?: number | undefined;
}

export interface RecordFailure {
  readonly kind: string;
  readonly reason: string;
  readonly message: string;
}

export interface Awaited {
  readonly what: string;
  readonly reason: string;
}

const maxUnhealthy = 20;
const maxReferences = 256;
/** In bytes. */
const maxTextLength = 1000;
/** A next try that moves by less is no news: what is polled often would be written as often. */
const nextTryMs = 30_000;

/** The merge patch that makes a Record say so; undefined when it does already. */
export function recordPatch(
  before: LoadBalancerRecordStatus | undefined,
  note: RecordNote,
  nowMs: number,
): Record<string, unknown> | undefined {
  const after = recordStatus(before ?? {}, note, nowMs);
  const patch = mergeDiff(before ?? {}, after);
  if (patch === undefined || (isSoon(before?.nextTryAt, after.nextTryAt) && hasOnly(patch, "nextTryAt")))
    return undefined;
  return patch;
}

/** What the Record says next. Times move only with what they are the times of. */
export function recordStatus(
  before: LoadBalancerRecordStatus,
  note: RecordNote,
  nowMs: number,
): LoadBalancerRecordStatus {
  const { loadBalancerClass, serviceHash, addresses, seen, steps = [], failure, obstacle, nextTryAt } = note;
  const conditions = mergeConditions(before.conditions ?? [], note.findings, nowMs, recordConditionTypes);
  const awaited = obstacle ?? awaitedBy(conditions);
  const isOpen = obstacle !== undefined || (!isTrue(conditions, "programmed") && !isFalse(conditions, "accepted"));
  const begunAnew = isTrue(before.conditions ?? [], "programmed");
  return {
    ...before,
    loadBalancerClass,
    observedServiceHash: serviceHash,
    addresses: orAbsent(addresses),
    ...(seen && { references: orAbsent((seen.references ?? []).slice(0, maxReferences)), targets: targetsOf(seen) }),
    ...(steps.length > 0 && { lastPlan: dated(before.lastPlan, planOf(steps), nowMs, begunAnew) }),
    ...(failure && { lastError: dated(before.lastError, cutMessage(failure), nowMs, begunAnew) }),
    awaiting: awaited && {
      ...awaited,
      since: before.awaiting?.reason === awaited.reason ? before.awaiting.since : wireTime(nowMs),
    },
    nextTryAt: isOpen && nextTryAt !== undefined ? wireTime(nextTryAt) : undefined,
    conditions: orAbsent(conditions),
  } as LoadBalancerRecordStatus;
}

/** The first thing that is not as it should be: the later ones follow from it. */
function awaitedBy(conditions: readonly Condition[]): Awaited | undefined {
  for (const aspect of ["accepted", "programmed", "ready"] as const) {
    const found = conditionOf(conditions, aspect, recordConditionTypes);
    if (found?.status === "False") return { what: cutText(found.message, maxTextLength), reason: found.reason };
  }
  return undefined;
}

function targetsOf({ targets, unhealthy = [] }: NonNullable<RecordNote["seen"]>): LoadBalancerRecordStatus["targets"] {
  const shown = unhealthy.toSorted((a, b) => (a.node < b.node ? -1 : 1)).slice(0, maxUnhealthy);
  const { ready, total } = targets;
  return {
    ready,
    total,
    ...(shown.length > 0 && {
      unhealthy: shown.map(({ node, reason }) => ({ node, reason: cutText(reason, maxTextLength) })),
    }),
  };
}

function planOf(steps: readonly PlanStep[]): { summary: string; hash: string; steps: number } {
  const summary = cutText(steps.map(({ action, target }) => `${action} ${target}`).join(", "), maxTextLength);
  return { summary, hash: contentHash(steps), steps: steps.length };
}

function cutMessage(failure: RecordFailure): RecordFailure {
  return { ...failure, message: cutText(failure.message, maxTextLength) };
}

/** With the time that it had, if it is the same and of the same occasion. */
function dated<T extends object>(
  before: (T & { at: string }) | undefined,
  value: T,
  nowMs: number,
  anew: boolean,
): T & { at: string } {
  const kept = before !== undefined && !anew && mergeDiff(before, { ...value, at: before.at }) === undefined;
  return kept ? before : { ...value, at: wireTime(nowMs) };
}

function isTrue(conditions: readonly Condition[], aspect: "programmed"): boolean {
  return conditionOf(conditions, aspect, recordConditionTypes)?.status === "True";
}

function isFalse(conditions: readonly Condition[], aspect: "accepted"): boolean {
  return conditionOf(conditions, aspect, recordConditionTypes)?.status === "False";
}

function isSoon(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return Math.abs(Date.parse(after) - Date.parse(before)) <= nextTryMs;
}

function hasOnly(patch: object, key: string): boolean {
  return Object.keys(patch).every((name) => name === key);
}

function orAbsent<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
