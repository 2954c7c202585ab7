import type { Condition, LabelSelector, ObjectMeta } from "./kubernetes.ts";
import { ownKind, type Resource } from "./resources.ts";

/** Addresses that load balancers are given; the definition in the chart says what each field means. */
export interface IPAddressPool {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: IPAddressPoolSpec;
  readonly status?: IPAddressPoolStatus;
}

export interface IPAddressPoolSpec {
  /** `192.0.2.0/24` or `192.0.2.10-192.0.2.20`; used up in this order. */
  readonly ranges: readonly string[];
  /** Absent: Services of all namespaces. */
  readonly namespaceSelector?: LabelSelector;
  /** Absent: all Services. */
  readonly serviceSelector?: LabelSelector;
  /** Absent: Services of all classes. */
  readonly loadBalancerClasses?: readonly string[];
  /** Higher first, then by name; 0 unless given. */
  readonly priority?: number;
  /** Gives no more addresses; those that it gave stay. */
  readonly disabled?: boolean;
}

export interface IPAddressPoolStatus {
  readonly used: number;
  /** Decimal: an IPv6 pool has more than a number holds. */
  readonly free: string;
  readonly conditions?: readonly Condition[];
}

export const ipAddressPools: Resource<IPAddressPool> = ownKind("IPAddressPool", "ipaddresspools", false);
