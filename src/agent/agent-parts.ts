import { readLocalSockets } from "../kernel/index.ts";
import { renderReport } from "../model/index.ts";
import { registerAccounting } from "./accounting.ts";
import { AddressWatch } from "./address-watch.ts";
import { AgentEvents, agentRecorder } from "./agent-events.ts";
import type { AgentOptions } from "./agent-options.ts";
import { WatchedCluster } from "./cluster-state.ts";
import { Drift, OwnWrites } from "./drift/index.ts";
import { HealthPorts } from "./health-ports.ts";
import { localAddresses } from "./host.ts";
import { AgentMetrics } from "./metrics.ts";
import { NftLeftovers } from "./nft-leftovers.ts";
import { NodeProxy } from "./node-proxy.ts";
import { kubePrefix } from "./plan/index.ts";
import { ReportLease } from "./report-lease.ts";
import { SyncHealth } from "./sync-health.ts";
import { SyncLoop } from "./sync-loop.ts";
import { VipRoutes } from "./vip-routes.ts";

/** What an agent consists of; nothing of it does anything yet. */
export interface AgentParts {
  readonly health: SyncHealth;
  readonly cluster: WatchedCluster;
  readonly events: AgentEvents;
  readonly proxy: NodeProxy;
  readonly lease: ReportLease;
  readonly loop: SyncLoop;
  readonly drift: Drift | undefined;
  readonly vipRoutes: VipRoutes | undefined;
  readonly metrics: AgentMetrics;
}

/** `stack` gets what has to be ended; `signal` ends reading the kernel's own counts. */
export function assemble(options: AgentOptions, stack: AsyncDisposableStack, signal: AbortSignal): AgentParts {
  const { settings, exec, metrics: registry, logger, clock } = options;
  const { nodeName, families } = settings;
  const metrics = new AgentMetrics(registry);
  if (settings.accounting.size > 0) registerAccounting(exec, registry, signal);
  const health = new SyncHealth(families, clock, 2 * options.syncPeriodMs);
  const cluster = new WatchedCluster(nodeName, logger, registry, settings.serviceProxyName);
  const events = new AgentEvents(stack.use(agentRecorder(options)), nodeName, (key) => cluster.service(key));
  const healthPorts = stack.use(serviceHealth(options, health, events));
  const addresses = stack.use(
    new AddressWatch(
      () => localAddresses(),
      () => addressesChanged(),
      clock,
    ),
  );
  const ownWrites = new OwnWrites(clock);
  const proxy = new NodeProxy({
    ...options,
    exec: ownWrites.through(exec),
    state: cluster,
    localAddresses: () => addresses.current,
    localSockets: readLocalSockets,
    health,
    healthPorts,
    events,
    onStanding: () => lease.hurry(),
    metrics,
  });
  const lease = reportLease(options, proxy, cluster, metrics);
  const loop = syncLoop(options, proxy, health);
  function addressesChanged(): void {
    logger.info("the node's addresses changed", { node: nodeName, count: addresses.current.length });
    proxy.nodeChanged();
    loop.trigger();
  }
  const resync = (): void => loop.trigger();
  const drift = options.drift && new Drift({ ...options, ...options.drift, target: proxy, ownWrites, resync });
  // Two agents would take each other's away.
  const vipRoutes =
    options.vipRoutes !== "off" && settings.chains.prefix === kubePrefix
      ? new VipRoutes({ ...options, families, state: cluster, mode: options.vipRoutes })
      : undefined;
  return { health, cluster, events, proxy, lease, loop, drift, vipRoutes, metrics };
}

function serviceHealth({ settings, logger }: AgentOptions, health: SyncHealth, events: AgentEvents): HealthPorts {
  return new HealthPorts({
    families: settings.families,
    healthy: (family) => health.families().get(family)?.healthy === true,
    onFailure(service, port, why) {
      logger.warn("health check node port not served", { service, port, why });
      const note = `failed to start healthcheck on port ${port}: ${why}`;
      events.serviceWarning(service, "FailedToStartServiceHealthcheck", "Listen", note);
    },
  });
}

function reportLease(
  options: AgentOptions,
  proxy: NodeProxy,
  cluster: WatchedCluster,
  metrics: AgentMetrics,
): ReportLease {
  const { nodeName, chains } = options.settings;
  return new ReportLease({
    ...options,
    nodeName,
    chainPrefix: chains.prefix,
    report: async () => {
      const { standing } = proxy.inspect();
      const programmed = await standing.hashes();
      return renderReport({ programmed, refused: standing.refused(), isolated: standing.isolated() });
    },
    node: () => cluster.node(),
    metrics,
  });
}

function syncLoop(options: AgentOptions, proxy: NodeProxy, health: SyncHealth): SyncLoop {
  const { settings, exec, logger, clock, random } = options;
  // Who has chains of other names runs beside another proxy, which may be in that mode.
  const leftovers =
    settings.chains.prefix === kubePrefix ? new NftLeftovers(exec, settings.families, logger) : undefined;
  return new SyncLoop({
    // A restore that is cut short may leave one table new and the other old; its own time limit ends it.
    sync: async () => {
      const whole = new AbortController().signal;
      const againMs = await proxy.sync(whole);
      // Not while a family lacks our rules.
      if (health.ready) await leftovers?.remove(whole);
      return againMs;
    },
    minIntervalMs: options.minSyncIntervalMs,
    maxRetryMs: options.syncPeriodMs,
    logger,
    clock,
    random,
  });
}
