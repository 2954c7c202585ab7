import type { Condition, ObjectMeta } from "./kubernetes.ts";
import { apiGroup } from "./names.ts";
import type { Resource } from "./resources.ts";

/**
 * What is known of the load balancer of the Service of the same name, for people to read: nothing is decided by it.
 * It goes with its Service, which owns it.
 */
export interface LoadBalancerRecord {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: Record<string, never>;
  status?: LoadBalancerRecordStatus;
}

export interface LoadBalancerRecordStatus {
  /** Of the state of the Service that the rest is about. */
  observedServiceHash?: string;
  addresses?: string[];
  /** What the provider calls it. */
  references?: string[];
  targets?: LoadBalancerRecordTargets;
  /** The last change that was begun. */
  lastPlan?: { summary: string; hash: string; steps: number; at: string };
  /** Absent when nothing is. */
  awaiting?: { what: string; reason: string; since: string };
  lastError?: { kind: string; reason: string; message: string; at: string };
  nextTryAt?: string;
  conditions?: Condition[];
}

export interface LoadBalancerRecordTargets {
  ready: number;
  total: number;
  /** At most 20. */
  unhealthy?: { node: string; reason: string }[];
}

export const loadBalancerRecords: Resource<LoadBalancerRecord> = {
  group: apiGroup,
  version: "v1alpha1",
  kind: "LoadBalancerRecord",
  plural: "loadbalancerrecords",
  namespaced: true,
};

/** The types of a Record's conditions: those of its Service, without the prefix that tells ours from others there. */
export const recordConditionTypes = {
  accepted: "Accepted",
  programmed: "Programmed",
  ready: "Ready",
  degraded: "Degraded",
  portsError: "LoadBalancerPortsError",
} as const;
