import { Counter, Gauge, Histogram } from "prom-client";
import type { IgnoreCause } from "../model/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { PanicError } from "./engine/panic-error.ts";
import { ReconcileTimeoutError } from "./engine/reconcile-limit.ts";

type Result = "success" | "error" | "requeue" | "requeue_after";

/** What the controller counts, under the names of upstream's service controller and of controller-runtime. */
export interface ControllerMetrics {
  readonly syncs: Counter;
  readonly ignored: Counter<"cause">;
  readonly refused: Counter<"controller">;
  readonly reconciles: Counter<"controller" | "result">;
  readonly errors: Counter<"controller">;
  readonly panics: Counter<"controller">;
  readonly timeouts: Counter<"controller">;
  readonly duration: Histogram<"controller">;
  readonly workers: Gauge<"controller">;
  readonly maxWorkers: Gauge<"controller">;
  readonly serviceStates: Gauge<"state">;
  readonly timeToReady: Histogram;
  readonly nodeSyncErrors: Counter;
  readonly nodeSyncLatency: Histogram;
  readonly hostUpdateLatency: Histogram;
  readonly drift: Counter<"provider">;
  readonly orphans: Gauge<"provider">;
}

/** As upstream's service controller: 1 s to 16384 s. */
const upstreamBuckets = Array.from({ length: 15 }, (_, i) => 2 ** i);
/** As controller-runtime. */
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** Of Services; of what providers keep beside their load balancers; of load balancers without a Service; of classes. */
const controllerNames = ["service", "scopes", "leftovers", "classes"] as const;

export type ControllerName = (typeof controllerNames)[number];

export const controllerName = "service";

export function controllerMetrics(metrics: Metrics): ControllerMetrics {
  const registers = [metrics];
  const labelNames = ["controller"] as const;
  const found: ControllerMetrics = {
    syncs: new Counter({
      name: "service_controller_loadbalancer_sync_total",
      help: "Syncs of load balancers with their Services.",
      registers,
    }),
    ignored: new Counter({
      name: "berth_services_ignored_total",
      help: "Looks at Services that this instance does not serve, by cause; nothing is written to them.",
      labelNames: ["cause"],
      registers,
    }),
    refused: new Counter({
      name: "controller_runtime_terminal_reconcile_errors_total",
      help: "Services that ask for what cannot be; not tried again until they change.",
      labelNames,
      registers,
    }),
    reconciles: new Counter({
      name: "controller_runtime_reconcile_total",
      help: "Reconciles by result.",
      labelNames: ["controller", "result"],
      registers,
    }),
    errors: new Counter({
      name: "controller_runtime_reconcile_errors_total",
      help: "Reconciles that failed.",
      labelNames,
      registers,
    }),
    panics: new Counter({
      name: "controller_runtime_reconcile_panics_total",
      help: "Reconciles that ended because a provider failed where it must not.",
      labelNames,
      registers,
    }),
    timeouts: new Counter({
      name: "controller_runtime_reconcile_timeouts_total",
      help: "Reconciles that were left behind after ten minutes.",
      labelNames,
      registers,
    }),
    duration: new Histogram({
      name: "controller_runtime_reconcile_time_seconds",
      help: "How long a reconcile takes.",
      labelNames,
      buckets: reconcileBuckets,
      registers,
    }),
    workers: new Gauge({
      name: "controller_runtime_active_workers",
      help: "Workers that reconcile now.",
      labelNames,
      registers,
    }),
    maxWorkers: new Gauge({
      name: "controller_runtime_max_concurrent_reconciles",
      help: "Workers that there are.",
      labelNames,
      registers,
    }),
    serviceStates: new Gauge({
      name: "lb_service_state",
      help: "Services of ours by the state of their load balancer.",
      labelNames: ["state"],
      registers,
    }),
    timeToReady: new Histogram({
      name: "lb_time_to_ready_seconds",
      help: "From the first look at a new Service to its first ready target.",
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
      registers,
    }),
    nodeSyncErrors: new Counter({
      name: "service_controller_nodesync_error_total",
      help: "Syncs of load balancers after a change of nodes that failed.",
      registers,
    }),
    nodeSyncLatency: new Histogram({
      name: "service_controller_nodesync_latency_seconds",
      help: "From a change of nodes to the last load balancer that it was about.",
      buckets: upstreamBuckets,
      registers,
    }),
    hostUpdateLatency: new Histogram({
      name: "service_controller_update_loadbalancer_host_latency_seconds",
      help: "How long one load balancer takes after a change of nodes.",
      buckets: upstreamBuckets,
      registers,
    }),
    drift: new Counter({
      name: "lb_drift_detected_total",
      help: "Load balancers that were as asked and were found otherwise, though nobody had asked for anything else.",
      labelNames: ["provider"],
      registers,
    }),
    orphans: new Gauge({
      name: "lb_orphans",
      help: "Load balancers of ours that no Service wants and that are not being deleted.",
      labelNames: ["provider"],
      registers,
    }),
  };
  const causes: readonly IgnoreCause[] = ["deleted", "type", "class", "unclassed"];
  for (const cause of causes) found.ignored.inc({ cause }, 0);
  const results: readonly Result[] = ["success", "error", "requeue", "requeue_after"];
  for (const controller of controllerNames) {
    for (const result of results) found.reconciles.inc({ controller, result }, 0);
    for (const counter of [found.refused, found.errors, found.panics, found.timeouts]) counter.inc({ controller }, 0);
    found.workers.set({ controller }, 0);
    found.maxWorkers.set({ controller }, 0);
  }
  return found;
}

/** Runs one reconcile and counts how it went. */
export async function measured<T extends { readonly requeueAfterMs?: number }>(
  { reconciles, errors, panics, timeouts, duration, workers }: ControllerMetrics,
  controller: ControllerName,
  work: () => Promise<T>,
): Promise<T> {
  const stop = duration.startTimer({ controller });
  workers.inc({ controller });
  let result: Result = "error";
  try {
    const done = await work();
    result = resultOf(done.requeueAfterMs);
    return done;
  } catch (error) {
    errors.inc({ controller });
    if (error instanceof PanicError) panics.inc({ controller });
    if (error instanceof ReconcileTimeoutError) timeouts.inc({ controller });
    throw error;
  } finally {
    reconciles.inc({ controller, result });
    workers.dec({ controller });
    stop();
  }
}

function resultOf(requeueAfterMs: number | undefined): Result {
  if (requeueAfterMs === undefined) return "success";
  return requeueAfterMs === 0 ? "requeue" : "requeue_after";
}
