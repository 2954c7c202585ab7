// Values and a loop for the tests of this folder.
import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import { type Ip, parseIp } from "../../src/net/index.ts";
import { type Desired, executePlan, isConverged, type Plan, type ProviderAdapter } from "../../src/provider/index.ts";

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

export function desiredLb(changes: Partial<DesiredLoadBalancer> = {}): DesiredLoadBalancer {
  return {
    id: { clusterId: "cluster-1", uid: "11111111-2222", namespace: "default", name: "web" },
    families: ["IPv4"],
    ports: [
      { name: "http", protocol: "TCP", port: 80, nodePort: 30_080 },
      { name: "dns", protocol: "UDP", port: 53, nodePort: 30_053 },
    ],
    externalTrafficPolicy: "Cluster",
    sessionAffinity: { kind: "None" },
    sourceRanges: [],
    healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
    requestedAddresses: [],
    addresses: [ip("10.99.0.5")],
    annotations: {},
    loadBalancerClass: "berth.dev/proxy",
    createdAt: "2026-01-01T00:00:00Z",
    scheme: undefined,
    retain: false,
    ...changes,
  };
}

export function node(name: string, ...addresses: readonly string[]): NodeTarget {
  return { name, addresses: addresses.map(ip) };
}

/** Observes, plans and applies until there is nothing to do; returns the plans that had steps. */
export async function converge(
  adapter: ProviderAdapter,
  desired: Desired | null,
  id: DesiredLoadBalancer["id"],
  signal: AbortSignal,
): Promise<readonly Plan[]> {
  const plans: Plan[] = [];
  const key = { kind: "service", id } as const;
  for (;;) {
    const observed = await adapter.observe(key, "live", signal);
    const plan = adapter.plan(key, desired, observed, { now: 0, since: () => 0 });
    if (isConverged(plan)) return plans;
    if (plan.steps.length > 0) plans.push(plan);
    const outcomes = await executePlan(plan, {
      apply: (step, outputs) => adapter.apply(step, outputs, signal),
      mayWrite: () => undefined,
    });
    for (const outcome of outcomes) if (outcome.state === "failed") throw outcome.error;
    await new Promise((resolve) => setTimeout(resolve, 10));
    signal.throwIfAborted();
  }
}
