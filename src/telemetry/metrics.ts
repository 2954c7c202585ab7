import { collectDefaultMetrics, Registry } from "prom-client";

/** The registry of one process: give it to prom-client's `registers`, never the library's global one. */
export type Metrics = Registry;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
