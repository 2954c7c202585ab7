import { Counter, Gauge, Registry } from "prom-client";
import type { Clock } from "../base/index.ts";
import { jsonAnswer, type Metrics, type Route, type RouteAnswer } from "../telemetry/index.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { SyncHealth } from "./sync-health.ts";

export type Routes = Readonly<Record<string, Route>>;

const noSniff = { "x-content-type-options": "nosniff" };
/** How Go writes a time that was never set, which is what readers of kube-proxy's pages know. */
const never = "0001-01-01T00:00:00Z";

/** `/healthz` (may load balancers send here?) and `/livez` (does the agent work?), with the bodies of kube-proxy. */
export function healthRoutes(
  health: SyncHealth,
  eligible: () => boolean,
  metrics: Pick<AgentMetrics, "healthz" | "livez">,
  clock: Clock,
): Routes {
  const page = (healthy: boolean, node: { readonly nodeEligible?: boolean }): RouteAnswer => {
    const { nodeEligible = true } = node;
    const families = [...health.families()];
    const now = clock.now();
    const updates = families.flatMap(([, { updatedAt }]) => updatedAt ?? []);
    return {
      status: healthy && nodeEligible ? 200 : 503,
      contentType: "application/json",
      headers: noSniff,
      body: JSON.stringify({
        // As kube-proxy's: always fresh while all is well.
        lastUpdated: time(healthy ? now : updates.length === 0 ? undefined : Math.max(...updates)),
        currentTime: time(now),
        ...node,
        healthy,
        status: Object.fromEntries(
          families.map(([family, { updatedAt, healthy: well }]) => [
            family,
            { lastUpdated: time(updatedAt), healthy: well },
          ]),
        ),
      }),
    };
  };
  return {
    "/healthz": () => {
      const answer = page(health.ready, { nodeEligible: eligible() });
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

function time(ms: number | undefined): string {
  return ms === undefined ? never : new Date(ms).toISOString();
}

export interface MetricsPages {
  readonly registry: Metrics;
  /** The effective configuration, as `kubeproxy.config.k8s.io/v1alpha1` has it. */
  readonly configz: object;
  /** What the agent believes, for `/debug/state`; takes the query. */
  readonly state: (query: URLSearchParams) => Promise<unknown>;
}

/** The pages of kube-proxy's metrics server, and `/debug/state`. Its `/healthz` only says that the process answers. */
export function metricsRoutes({ registry, configz, state }: MetricsPages): Routes {
  const slis = new Slis();
  const ping: Route = ({ url = "" }) => {
    slis.passed();
    const verbose = new URL(url, "http://localhost").searchParams.has("verbose");
    return { status: 200, headers: noSniff, body: verbose ? "[+]ping ok\nhealthz check passed\n" : "ok" };
  };
  return {
    "/metrics": async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() }),
    "/metrics/slis": async ({ method }) => {
      if (method === "DELETE") slis.reset();
      return { status: 200, contentType: registry.contentType, body: await slis.text() };
    },
    "/healthz": ping,
    "/healthz/ping": ping,
    "/proxyMode": () => ({ status: 200, headers: noSniff, body: "iptables" }),
    "/configz": () => jsonAnswer({ "kubeproxy.config.k8s.io": configz }),
    "/debug/state": async ({ url = "" }) => jsonAnswer(await state(new URL(url, "http://localhost").searchParams), 2),
  };
}

/** The health checks of a component as service level indicators (KEP-3466): kube-proxy has this one. */
class Slis {
  readonly #registry = new Registry();
  readonly #state = new Gauge({
    name: "kubernetes_healthcheck",
    help: "This metric records the result of a single healthcheck.",
    labelNames: ["name", "type"],
    registers: [this.#registry],
  });
  readonly #total = new Counter({
    name: "kubernetes_healthchecks_total",
    help: "This metric records the results of all healthcheck.",
    labelNames: ["name", "status", "type"],
    registers: [this.#registry],
  });

  passed(): void {
    this.#state.set({ name: "ping", type: "healthz" }, 1);
    this.#total.inc({ name: "ping", status: "success", type: "healthz" });
  }

  reset(): void {
    this.#registry.resetMetrics();
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }
}
