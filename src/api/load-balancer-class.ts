import type { V1LabelSelector } from "@kubernetes/client-node";
import type { Json } from "../base/index.ts";
import type { Condition, ObjectMeta } from "./kubernetes.ts";

export type LabelSelector = Json<V1LabelSelector>;

/** A kind of load balancer that Services ask for; `crds/loadbalancerclasses.yaml` says what each field means. */
export interface LoadBalancerClass {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: LoadBalancerClassSpec;
  status?: LoadBalancerClassStatus;
}

export interface LoadBalancerClassSpec {
  /** What Services name in their `spec.loadBalancerClass`. */
  loadBalancerClass: string;
  // Exactly one of the six; all are empty for now.
  proxy?: Record<string, unknown>;
  node?: Record<string, unknown>;
  awsNlb?: Record<string, unknown>;
  gcpL4?: Record<string, unknown>;
  l2?: Record<string, unknown>;
  bgp?: Record<string, unknown>;
  isDefault?: boolean;
  /** Annotation key to the value that holds where a Service has none. */
  defaults?: Record<string, string>;
  /** Absent: all. */
  allowedNamespaces?: LabelSelector;
  /** Annotation keys that Services may set; absent: all. */
  allowedOverrides?: string[];
  limits?: { total?: number; perNamespace?: number; portsPerService?: number };
  schemes?: ("internal" | "internet-facing")[];
  nodeSelector?: LabelSelector;
  nodePorts?: { policy: "Require" | "Ensure" | "Never"; band?: { from: number; to: number } };
  deletionPolicy?: "Delete" | "Retain";
}

export interface LoadBalancerClassStatus {
  provider?: string;
  conditions?: Condition[];
}
