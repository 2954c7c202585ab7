import { Counter, Gauge, Histogram } from "prom-client";
import type { Metrics } from "../telemetry/index.ts";

const syncBuckets = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
const programmingBuckets = [0.25, 0.5, ...range(1, 59, 1), ...range(60, 115, 5), ...range(120, 300, 30)];

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

type ByFamily = "ip_family";

/** Makes metrics in one registry. */
class MetricSet {
  readonly #registers: Metrics[];

  constructor(registry: Metrics) {
    this.#registers = [registry];
  }

  protected gauge<L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: this.#registers });
  }

  protected counter<L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  protected timing(name: string, help: string, buckets: number[] = syncBuckets): Histogram<ByFamily> {
    return new Histogram({ name, help, labelNames: ["ip_family"], buckets, registers: this.#registers });
  }
}

/**
 * The metrics that kube-proxy has in iptables mode, under its names, so that its dashboards go on working; those of its
 * nftables mode are as absent as there, and those that the kernel counts are registered with their reader. What nobody
 * else has is called `berth_agent_`.
 */
export class AgentMetrics extends MetricSet {
  readonly syncDuration: Histogram<ByFamily> = this.timing(
    "kubeproxy_sync_proxy_rules_duration_seconds",
    "Time to bring rules up to date.",
  );
  readonly fullSyncDuration: Histogram<ByFamily> = this.timing(
    "kubeproxy_sync_full_proxy_rules_duration_seconds",
    "The same, of syncs that read the kernel.",
  );
  readonly partialSyncDuration: Histogram<ByFamily> = this.timing(
    "kubeproxy_sync_partial_proxy_rules_duration_seconds",
    "The same, of the other syncs.",
  );
  readonly programmingDuration: Histogram<ByFamily> = this.timing(
    "kubeproxy_network_programming_duration_seconds",
    "From the change of a pod to the rules that follow it.",
    programmingBuckets,
  );
  readonly lastSync: Gauge<ByFamily> = this.gauge(
    "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
    "When rules were last synced.",
    "ip_family",
  );
  readonly lastQueued: Gauge<ByFamily> = this.gauge(
    "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
    "When a sync was last asked for.",
    "ip_family",
  );
  readonly endpointChangesPending: Gauge = this.gauge(
    "kubeproxy_sync_proxy_rules_endpoint_changes_pending",
    "Slice changes that wait for a sync.",
  );
  readonly endpointChanges: Counter = this.counter(
    "kubeproxy_sync_proxy_rules_endpoint_changes_total",
    "Slice changes.",
  );
  readonly serviceChangesPending: Gauge = this.gauge(
    "kubeproxy_sync_proxy_rules_service_changes_pending",
    "Service changes that wait for a sync.",
  );
  readonly serviceChanges: Counter = this.counter(
    "kubeproxy_sync_proxy_rules_service_changes_total",
    "Service changes.",
  );
  readonly rules: Gauge<"table" | ByFamily> = this.gauge(
    "kubeproxy_sync_proxy_rules_iptables_total",
    "Rules of ours.",
    "table",
    "ip_family",
  );
  readonly rulesLastSync: Gauge<"table" | ByFamily> = this.gauge(
    "kubeproxy_sync_proxy_rules_iptables_last",
    "Rules that the last sync wrote.",
    "table",
    "ip_family",
  );
  readonly restoreFailures: Counter<ByFamily> = this.counter(
    "kubeproxy_sync_proxy_rules_iptables_restore_failures_total",
    "Refused restores.",
    "ip_family",
  );
  readonly partialRestoreFailures: Counter<ByFamily> = this.counter(
    "kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total",
    "Refused restores of changes only.",
    "ip_family",
  );
  readonly noLocalEndpoints: Gauge<"traffic_policy" | ByFamily> = this.gauge(
    "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
    "Ports of policy Local without an endpoint on this node.",
    "traffic_policy",
    "ip_family",
  );
  readonly healthz: Counter<"code"> = this.counter("kubeproxy_proxy_healthz_total", "Answers of /healthz.", "code");
  readonly livez: Counter<"code"> = this.counter("kubeproxy_proxy_livez_total", "Answers of /livez.", "code");
  readonly conntrackDuration: Histogram<ByFamily> = this.timing(
    "kubeproxy_conntrack_reconciler_sync_duration_seconds",
    "Time to reconcile UDP flows.",
  );
  readonly conntrackDeleted: Counter<ByFamily> = this.counter(
    "kubeproxy_conntrack_reconciler_deleted_entries_total",
    "UDP flows forgotten.",
    "ip_family",
  );
  readonly refusedFrontends: Gauge = this.gauge(
    "berth_agent_refused_frontends",
    "Frontends that are left out to keep the cluster alive.",
  );
  readonly isolatedServices: Gauge<ByFamily> = this.gauge(
    "berth_agent_isolated_services",
    "Services whose rules the kernel refuses.",
    "ip_family",
  );
  readonly healthPortFailures: Gauge<ByFamily> = this.gauge(
    "berth_agent_health_check_node_ports_failed",
    "Health check node ports that could not be opened.",
    "ip_family",
  );
  readonly reportWrites: Counter<"result"> = this.counter(
    "berth_agent_report_writes_total",
    "Writes of the node's Lease by result.",
    "result",
  );
}
