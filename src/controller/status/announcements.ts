import { annotations, type Condition } from "../../api/index.ts";
import { type Aspect, conditionOf, type Finding, type Findings, saysTheSame } from "./conditions.ts";
import { reasons } from "./findings.ts";

/** An event about a Service; the reasons are those of upstream's service controller. */
export interface Announcement {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export const ensuring: Announcement = {
  type: "Normal",
  reason: "EnsuringLoadBalancer",
  message: "Ensuring load balancer",
};

export const deleting: Announcement = {
  type: "Normal",
  reason: "DeletingLoadBalancer",
  message: "Deleting load balancer",
};

export const deleted: Announcement = {
  type: "Normal",
  reason: "DeletedLoadBalancer",
  message: "Deleted load balancer",
};

export const retaining: Announcement = {
  type: "Normal",
  reason: "RetainedLoadBalancer",
  message: `The load balancer stays, as ${annotations.deletionPolicy} or its class says`,
};

/**
 * What is worth an event, trouble apart: a result that differs from what the conditions said before, or a change that
 * was made. Conditions outlive the controller, so a restart repeats nothing.
 */
export function announcements(
  before: readonly Condition[],
  findings: Findings,
  changed: string | undefined,
): readonly Announcement[] {
  const found: Announcement[] = [];
  const news = (aspect: Aspect): Finding | undefined => {
    const finding = findings[aspect];
    return finding == null || saysTheSame(before, aspect, finding) ? undefined : finding;
  };
  const accepted = news("accepted");
  if (accepted?.reason === reasons.unknownAnnotation)
    found.push({ type: "Warning", reason: accepted.reason, message: accepted.message });
  const ready = news("ready");
  if (ready?.reason === reasons.noBackends)
    found.push({ type: "Warning", reason: "UnAvailableLoadBalancer", message: ready.message });
  const degraded = news("degraded");
  if (degraded?.status === true) found.push({ type: "Warning", reason: degraded.reason, message: degraded.message });
  if (findings.programmed?.status === true) {
    if (conditionOf(before, "programmed")?.status !== "True")
      found.push({ type: "Normal", reason: "EnsuredLoadBalancer", message: "Ensured load balancer" });
    else if (changed !== undefined)
      found.push({ type: "Normal", reason: "UpdatedLoadBalancer", message: `Updated load balancer: ${changed}` });
  }
  return found;
}

/** Why the Service does not get what it asks for; it is told of as long as it lasts. */
export interface Trouble {
  readonly announcement: Announcement;
  /** The conditions said so before. */
  readonly isKnown: boolean;
}

const maxNodes = 20;

/**
 * The trouble that was found. `nodes`: the load balancer had been as this same Service asks, and could not follow
 * what became of its nodes or of itself.
 */
export function troubles(
  before: readonly Condition[],
  findings: Findings,
  nodes?: readonly string[],
): readonly Trouble[] {
  return (["accepted", "programmed"] as const).flatMap((aspect): Trouble | [] => {
    const finding = findings[aspect];
    if (finding?.status !== false || isNoTrouble(finding)) return [];
    const message = `${finding.reason}: ${finding.message}`;
    const announcement: Announcement =
      nodes === undefined || aspect === "accepted"
        ? { type: "Warning", reason: "SyncLoadBalancerFailed", message }
        : { type: "Warning", reason: "UpdateLoadBalancerFailed", message: `${message} (nodes: ${namesOf(nodes)})` };
    return { announcement, isKnown: saysTheSame(before, aspect, finding) };
  });
}

function isNoTrouble({ reason }: Finding): boolean {
  return reason === reasons.pending || reason === reasons.paused;
}

function namesOf(nodes: readonly string[]): string {
  const more = nodes.length > maxNodes ? [`<${nodes.length - maxNodes} more>`] : [];
  return [...nodes.slice(0, maxNodes), ...more].join(" ");
}
