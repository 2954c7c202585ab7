import type { Condition, LoadBalancerIngress, Service } from "../../api/index.ts";
import { finalizerPatch, mergeDiff } from "../../kube/index.ts";
import type { Cleanup } from "../../model/index.ts";
import { type Findings, mergeConditions } from "./conditions.ts";

/** What the status of a Service should say; an absent ingress stays as it is, an empty one is known to be none. */
export interface StatusReport {
  readonly findings: Findings;
  readonly ingress?: readonly LoadBalancerIngress[];
}

/** The merge patch that makes the status say so; undefined when it does already. */
export function statusPatch(service: Service, report: StatusReport, nowMs: number): object | undefined {
  const { conditions, ingress } = current(service);
  return mergeDiff(
    { status: { conditions, loadBalancer: { ingress } } },
    {
      status: {
        conditions: mergeConditions(conditions, report.findings, nowMs),
        loadBalancer: { ingress: report.ingress ?? ingress },
      },
    },
  );
}

/**
 * The merge patch that lets a Service go: our conditions and finalizers, and the ingress where it is ours. One patch,
 * as the object may be gone once its last finalizer is.
 */
export function releasePatch(service: Service, { finalizers, ownsStatus }: Cleanup): object | undefined {
  const { conditions, ingress } = current(service);
  const portsError = ownsStatus ? { portsError: null } : {};
  const ours: Findings = { accepted: null, programmed: null, ready: null, degraded: null, ...portsError };
  const status = mergeDiff(
    { conditions: orAbsent(conditions), loadBalancer: { ingress: orAbsent(ingress) } },
    {
      conditions: orAbsent(mergeConditions(conditions, ours, 0)),
      loadBalancer: { ingress: ownsStatus ? undefined : orAbsent(ingress) },
    },
  );
  const metadata = finalizerPatch(service, { remove: finalizers });
  return metadata === undefined && status === undefined ? undefined : { ...metadata, ...(status && { status }) };
}

/** The addresses that the status shows. */
export function ingressOf({ status }: Service): readonly LoadBalancerIngress[] {
  return status?.loadBalancer?.ingress ?? [];
}

function current(service: Service): { conditions: readonly Condition[]; ingress: readonly LoadBalancerIngress[] } {
  return { conditions: service.status?.conditions ?? [], ingress: ingressOf(service) };
}

function orAbsent<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
