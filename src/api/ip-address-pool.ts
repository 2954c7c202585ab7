import type { Condition, ObjectMeta } from "./kubernetes.ts";
import type { LabelSelector } from "./load-balancer-class.ts";

/** Addresses that load balancers are given; `crds/ipaddresspools.yaml` says what each field means. */
export interface IPAddressPool {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: IPAddressPoolSpec;
  status?: IPAddressPoolStatus;
}

export interface IPAddressPoolSpec {
  /** Each a prefix or `first-last`. */
  ranges: string[];
  namespaceSelector?: LabelSelector;
  serviceSelector?: LabelSelector;
  loadBalancerClasses?: string[];
  /** The higher one is tried first; absent: 0. */
  priority?: number;
  disabled?: boolean;
}

export interface IPAddressPoolStatus {
  used: number;
  /** In decimal, as pools of IPv6 exceed 2^53. */
  free: string;
  conditions?: Condition[];
}
