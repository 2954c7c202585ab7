import { Counter, Histogram } from "prom-client";
import type { Metrics } from "../telemetry/index.ts";

/** Counts one request that was sent: what it did, and `ok` or what became of it instead. */
export type RequestMeter = (op: string, code: string, seconds: number) => void;

const labelNames = ["provider", "op", "code"] as const;

/** The requests of all providers, by `lb_provider_api_*`; each has a meter of its own. */
export function requestMeters(metrics: Metrics): (provider: string) => RequestMeter {
  const registers = [metrics];
  const requests = new Counter({
    name: "lb_provider_api_requests_total",
    help: "Requests of providers by operation and answer.",
    labelNames,
    registers,
  });
  const durations = new Histogram({
    name: "lb_provider_api_request_duration_seconds",
    help: "From sending a request of a provider to its answer.",
    labelNames,
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    registers,
  });
  return (provider) => (op, code, seconds) => {
    const labels = { provider, op, code };
    requests.inc(labels);
    durations.observe(labels, seconds);
  };
}
