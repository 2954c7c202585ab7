import { expect, it } from "vitest";
import { createMetrics } from "../telemetry/index.ts";
import { AgentMetrics } from "./metrics.ts";

const exponential = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
const steps = (from: number, step: number, count: number) => Array.from({ length: count }, (_, i) => from + i * step);
const programming = [...steps(0.25, 0.25, 2), ...steps(1, 1, 59), ...steps(60, 5, 12), ...steps(120, 30, 7)];
const family = ["ip_family"];

/** What kube-proxy 1.37 registers in iptables mode (pkg/proxy/metrics/metrics.go), the kernel's own counts apart. */
const table: readonly (readonly [name: string, type: string, labels: string[], buckets?: number[]])[] = [
  ["conntrack_reconciler_deleted_entries_total", "counter", family],
  ["conntrack_reconciler_sync_duration_seconds", "histogram", family, exponential],
  ["network_programming_duration_seconds", "histogram", family, programming],
  ["proxy_healthz_total", "counter", ["code"]],
  ["proxy_livez_total", "counter", ["code"]],
  ["sync_full_proxy_rules_duration_seconds", "histogram", family, exponential],
  ["sync_partial_proxy_rules_duration_seconds", "histogram", family, exponential],
  ["sync_proxy_rules_duration_seconds", "histogram", family, exponential],
  ["sync_proxy_rules_endpoint_changes_pending", "gauge", []],
  ["sync_proxy_rules_endpoint_changes_total", "counter", []],
  ["sync_proxy_rules_iptables_last", "gauge", ["ip_family", "table"]],
  ["sync_proxy_rules_iptables_partial_restore_failures_total", "counter", family],
  ["sync_proxy_rules_iptables_restore_failures_total", "counter", family],
  ["sync_proxy_rules_iptables_total", "gauge", ["ip_family", "table"]],
  ["sync_proxy_rules_last_queued_timestamp_seconds", "gauge", family],
  ["sync_proxy_rules_last_timestamp_seconds", "gauge", family],
  ["sync_proxy_rules_no_local_endpoints_total", "gauge", ["ip_family", "traffic_policy"]],
  ["sync_proxy_rules_service_changes_pending", "gauge", []],
  ["sync_proxy_rules_service_changes_total", "counter", []],
];

interface Registered {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
  readonly upperBounds?: readonly number[];
}

it("has every metric of kube-proxy with its type, labels and buckets, and its own under another prefix", () => {
  const registry = createMetrics();
  const before = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  void new AgentMetrics(registry);
  const ours = (registry.getMetricsAsArray() as unknown as Registered[]).filter(({ name }) => !before.has(name));
  const found = ours
    .filter(({ name }) => name.startsWith("kubeproxy_"))
    .map(({ name, type, labelNames = [], upperBounds }) => [
      name.replace("kubeproxy_", ""),
      type,
      [...labelNames].sort(),
      ...(upperBounds === undefined ? [] : [upperBounds]),
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  expect(found).toEqual(table.map((row) => [...row]));
  expect(ours.filter(({ name }) => !/^(kubeproxy|berth_agent)_/.test(name))).toEqual([]);
  expect(ours.filter(({ help }) => help === "")).toEqual([]);
});
