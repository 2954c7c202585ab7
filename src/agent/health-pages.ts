import type { Clock } from "../base/index.ts";
import type { Route, RouteAnswer } from "../telemetry/index.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { SyncHealth } from "./sync-health.ts";

/** `/healthz` (may load balancers send here?) and `/livez` (does the agent work?), with the bodies of kube-proxy. */
export function healthRoutes(health: SyncHealth, metrics: AgentMetrics, clock: Clock): Record<string, Route> {
  const page = (healthy: boolean, node: object): RouteAnswer => {
    const families = health.families();
    const updates = Object.values(families).flatMap(({ lastUpdated }) => lastUpdated ?? []);
    return {
      status: healthy ? 200 : 503,
      contentType: "application/json",
      headers: { "x-content-type-options": "nosniff" },
      body: JSON.stringify({
        lastUpdated: updates.sort().at(-1) ?? null,
        currentTime: new Date(clock.now()).toISOString(),
        ...node,
        healthy,
        status: families,
      }),
    };
  };
  return {
    "/healthz": () => {
      const answer = page(health.ready && health.nodeEligible, { nodeEligible: health.nodeEligible });
      metrics.healthz.inc({ code: answer.status });
      return answer;
    },
    "/livez": () => {
      const answer = page(health.alive, {});
      metrics.livez.inc({ code: answer.status });
      return answer;
    },
  };
}
