import type { ClusterPlan } from "../../sandbox/cluster/address-plan.ts";

/** Of the API server inside the cluster, and of its DNS. */
export const wellKnown = { apiService: ["10.96.0.1", "fd00:96::1"], dns: "10.96.0.10" } as const;

/** Where all machines find the API server. */
export function apiServerOf(plan: ClusterPlan): string {
  return plan.fabric.addresses[0] ?? "";
}
