import { Counter, Gauge, Histogram } from "prom-client";
import type { Metrics } from "../telemetry/index.ts";

// Several reflectors, queues and clients of one process share an instrument and differ by label.

export function counter<L extends string>(
  metrics: Metrics,
  name: string,
  help: string,
  labelNames: readonly L[],
): Counter<L> {
  const known = metrics.getSingleMetric(name) as Counter<L> | undefined;
  return known ?? new Counter({ name, help, labelNames, registers: [metrics] });
}

export function gauge<L extends string>(
  metrics: Metrics,
  name: string,
  help: string,
  labelNames: readonly L[],
): Gauge<L> {
  const known = metrics.getSingleMetric(name) as Gauge<L> | undefined;
  return known ?? new Gauge({ name, help, labelNames, registers: [metrics] });
}

export function histogram<L extends string>(
  metrics: Metrics,
  name: string,
  help: string,
  labelNames: readonly L[],
  buckets: readonly number[],
): Histogram<L> {
  const known = metrics.getSingleMetric(name) as Histogram<L> | undefined;
  return known ?? new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [metrics] });
}
