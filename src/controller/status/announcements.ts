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
 * What is worth an event: a result that differs from what the conditions said before, or a change that was made.
 * Conditions outlive the controller, so a restart repeats nothing.
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
  for (const finding of [accepted, news("programmed")])
    if (finding?.status === false && finding.reason !== reasons.pending && finding.reason !== reasons.paused)
      found.push({
        type: "Warning",
        reason: "SyncLoadBalancerFailed",
        message: `${finding.reason}: ${finding.message}`,
      });
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
