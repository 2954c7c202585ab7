// The load-balancer controller: Services of type LoadBalancer -> classify -> desired load balancer -> observe, plan
// and apply through a provider -> status, conditions, events. Invariants: the finalizer comes before the first write to
// a provider; a resource without our tags is never touched; when nothing changed nothing is written; the truth is in
// the API server and at the provider, never in this process. It knows no provider by name and serves no traffic.
export { readClusterId } from "./cluster-id.ts";
export { Controller } from "./controller.ts";
export type { Missing } from "./mirror.ts";
export type { NodesWithoutAgent } from "./nodes/service-nodes.ts";
export { formatOrphans, orphanReport } from "./orphans/index.ts";
export { allowing } from "./rights.ts";
