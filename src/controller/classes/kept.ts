import type { Service } from "../../api/index.ts";
import { desiredLoadBalancer, type LbIdentity, type NodeTarget } from "../../model/index.ts";
import type { ProviderAdapter } from "../../provider/index.ts";

/**
 * Whether clients are told to come to the load balancer that this provider has for the Service. A class can only
 * change by way of another type, which wipes the status: where ours is still in it, it is what we serve that changed.
 */
export async function isInUse(
  service: Service,
  {
    id,
    adapter,
    nodes,
  }: {
    readonly id: LbIdentity;
    readonly adapter: ProviderAdapter;
    /** All that it could send to. */
    readonly nodes: readonly NodeTarget[];
  },
  signal: AbortSignal,
): Promise<boolean> {
  const told = new Set((service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname));
  if (told.size === 0) return false;
  const { loadBalancerClass = "" } = service.spec ?? {};
  const { lb } = desiredLoadBalancer(service, id.clusterId, { provider: adapter.name, loadBalancerClass });
  const observed = await adapter.observe({ kind: "service", id }, "live", signal);
  const { ingress } = adapter.status(lb, observed, null, nodes);
  return ingress.some(({ ip, hostname }) => told.has(ip ?? hostname));
}
