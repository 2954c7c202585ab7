import type { Service } from "../../api/index.ts";
import { desiredLoadBalancer, type LbIdentity } from "../../model/index.ts";
import type { ProviderAdapter } from "../../provider/index.ts";

/**
 * Whether clients are told to come to the load balancer that this provider has for the Service. A class can only
 * change by way of another type, which wipes the status: where ours is still in it, it is what we serve that changed.
 */
export async function isInUse(
  service: Service,
  { id, adapter }: { readonly id: LbIdentity; readonly adapter: ProviderAdapter },
  signal: AbortSignal,
): Promise<boolean> {
  const told = new Set((service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname));
  if (told.size === 0) return false;
  const { loadBalancerClass = "" } = service.spec ?? {};
  const { lb } = desiredLoadBalancer(service, id.clusterId, { provider: adapter.name, loadBalancerClass });
  const { ingress } = adapter.status(lb, await adapter.observe({ kind: "service", id }, "live", signal), null);
  return ingress.some(({ ip, hostname }) => told.has(ip ?? hostname));
}
