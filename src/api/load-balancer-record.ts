import type { Condition, ObjectMeta } from "./kubernetes.ts";
import { ownKind, type Resource } from "./resources.ts";

/**
 * What the controller did and waits for, for the Service of the same name that owns it;
 * `charts/berth/files/crds/loadbalancerrecords.yaml` says what each field means.
 */
export interface LoadBalancerRecord {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: Record<string, never>;
  status?: LoadBalancerRecordStatus;
}

export interface LoadBalancerRecordStatus {
  loadBalancerClass?: string;
  observedServiceHash?: string;
  addresses?: string[];
  references?: string[];
  /** At most 20 are named as unhealthy. */
  targets?: { ready: number; total: number; unhealthy?: { node: string; reason: string }[] };
  lastPlan?: { summary: string; hash: string; steps: number; at: string };
  awaiting?: { what: string; reason: string; since: string };
  lastError?: { kind: string; reason: string; message: string; at: string };
  nextTryAt?: string;
  conditions?: Condition[];
}

export const loadBalancerRecords: Resource<LoadBalancerRecord> = ownKind(
  "LoadBalancerRecord",
  "loadbalancerrecords",
  true,
);

/** The types of a Record's conditions: those of its Service, without the prefix that tells ours from others there. */
export const recordConditionTypes = {
  accepted: "Accepted",
  programmed: "Programmed",
  ready: "Ready",
  degraded: "Degraded",
  portsError: "LoadBalancerPortsError",
} as const;
