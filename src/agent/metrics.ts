import { Counter, Gauge, Histogram } from "prom-client";
import type { Metrics } from "../telemetry/index.ts";

const syncBuckets = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
const programmingBuckets = [0.25, 0.5, ...range(1, 59, 1), ...range(60, 115, 5), ...range(120, 300, 30)];

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

type ByFamily = "ip_family";

/**
 * The metrics that kube-proxy has in iptables mode, under its names, so that its dashboards go on working; those of its
 * nftables mode are as absent as there, and those that the kernel counts are registered with their reader. What nobody
 * else has is called `berth_agent_`.
 */
export class AgentMetrics {
  readonly syncDuration: Histogram<ByFamily>;
  readonly fullSyncDuration: Histogram<ByFamily>;
  readonly partialSyncDuration: Histogram<ByFamily>;
  readonly programmingDuration: Histogram<ByFamily>;
  readonly lastSync: Gauge<ByFamily>;
  readonly lastQueued: Gauge<ByFamily>;
  readonly endpointChangesPending: Gauge;
  readonly endpointChanges: Counter;
  readonly serviceChangesPending: Gauge;
  readonly serviceChanges: Counter;
  readonly rules: Gauge<"table" | ByFamily>;
  readonly rulesLastSync: Gauge<"table" | ByFamily>;
  readonly restoreFailures: Counter<ByFamily>;
  readonly partialRestoreFailures: Counter<ByFamily>;
  readonly noLocalEndpoints: Gauge<"traffic_policy" | ByFamily>;
  readonly healthz: Counter<"code">;
  readonly livez: Counter<"code">;
  readonly conntrackDuration: Histogram<ByFamily>;
  readonly conntrackDeleted: Counter<ByFamily>;
  readonly refusedFrontends: Gauge;
  readonly isolatedServices: Gauge<ByFamily>;
  readonly healthPortFailures: Gauge<ByFamily>;
  readonly reportWrites: Counter<"result">;

  constructor(registry: Metrics) {
    const registers = [registry];
    const family = ["ip_family"] as const;
    const options = <L extends string>(
      name: string,
      help: string,
      labelNames: readonly L[],
    ): { name: string; help: string; labelNames: readonly L[]; registers: Metrics[] } => ({
      name: name.startsWith("berth_") ? name : `kubeproxy_${name}`,
      help,
      labelNames,
      registers,
    });
    const timing = (name: string, help: string, buckets: number[] = syncBuckets): Histogram<ByFamily> =>
      new Histogram({ ...options(name, help, family), buckets });

    this.syncDuration = timing("sync_proxy_rules_duration_seconds", "Time to bring rules up to date.");
    this.fullSyncDuration = timing(
      "sync_full_proxy_rules_duration_seconds",
      "The same, of syncs that read the kernel.",
    );
    this.partialSyncDuration = timing("sync_partial_proxy_rules_duration_seconds", "The same, of the other syncs.");
    this.programmingDuration = timing(
      "network_programming_duration_seconds",
      "From the change of a pod to the rules that follow it.",
      programmingBuckets,
    );
    this.lastSync = new Gauge(
      options("sync_proxy_rules_last_timestamp_seconds", "When rules were last synced.", family),
    );
    this.lastQueued = new Gauge(
      options("sync_proxy_rules_last_queued_timestamp_seconds", "When a sync was last asked for.", family),
    );
    this.endpointChangesPending = new Gauge(
      options("sync_proxy_rules_endpoint_changes_pending", "Slice changes that wait for a sync.", []),
    );
    this.endpointChanges = new Counter(options("sync_proxy_rules_endpoint_changes_total", "Slice changes.", []));
    this.serviceChangesPending = new Gauge(
      options("sync_proxy_rules_service_changes_pending", "Service changes that wait for a sync.", []),
    );
    this.serviceChanges = new Counter(options("sync_proxy_rules_service_changes_total", "Service changes.", []));
    this.rules = new Gauge(options("sync_proxy_rules_iptables_total", "Rules of ours.", ["table", "ip_family"]));
    this.rulesLastSync = new Gauge(
      options("sync_proxy_rules_iptables_last", "Rules that the last sync wrote.", ["table", "ip_family"]),
    );
    this.restoreFailures = new Counter(
      options("sync_proxy_rules_iptables_restore_failures_total", "Refused restores.", family),
    );
    this.partialRestoreFailures = new Counter(
      options("sync_proxy_rules_iptables_partial_restore_failures_total", "Refused restores of changes only.", family),
    );
    this.noLocalEndpoints = new Gauge(
      options("sync_proxy_rules_no_local_endpoints_total", "Ports of policy Local without an endpoint on this node.", [
        "traffic_policy",
        "ip_family",
      ]),
    );
    this.healthz = new Counter(options("proxy_healthz_total", "Answers of /healthz.", ["code"]));
    this.livez = new Counter(options("proxy_livez_total", "Answers of /livez.", ["code"]));
    this.conntrackDuration = timing("conntrack_reconciler_sync_duration_seconds", "Time to reconcile UDP flows.");
    this.conntrackDeleted = new Counter(
      options("conntrack_reconciler_deleted_entries_total", "UDP flows forgotten.", family),
    );
    this.refusedFrontends = new Gauge(
      options("berth_agent_refused_frontends", "Frontends that are left out to keep the cluster alive.", []),
    );
    this.isolatedServices = new Gauge(
      options("berth_agent_isolated_services", "Services whose rules the kernel refuses.", family),
    );
    this.healthPortFailures = new Gauge(
      options(
        "berth_agent_health_check_node_ports_failed",
        "Health check node ports that could not be opened.",
        family,
      ),
    );
    this.reportWrites = new Counter(
      options("berth_agent_report_writes_total", "Writes of the node's Lease by result.", ["result"]),
    );
  }
}
