import { type Clock, isAbort, type Random, sleep } from "../base/index.ts";
import { type Exec, readLocalSockets } from "../kernel/index.ts";
import { EventRecorder, type KubeClient } from "../kube/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { registerAccounting } from "./accounting.ts";
import { AddressWatch } from "./address-watch.ts";
import { AgentEvents } from "./agent-events.ts";
import { type ClusterListener, type ClusterSource, WatchedCluster } from "./cluster-state.ts";
import { describeState } from "./debug-state.ts";
import { Drift, type DriftOptions, OwnWrites } from "./drift/index.ts";
import { healthRoutes, metricsRoutes } from "./health-pages.ts";
import { HealthPorts } from "./health-ports.ts";
import { localAddresses } from "./host.ts";
import type { Note } from "./iptables-host.ts";
import { AgentMetrics } from "./metrics.ts";
import { NftLeftovers } from "./nft-leftovers.ts";
import { type NodeSettings, nodeEligible } from "./node-facts.ts";
import { NodeProxy } from "./node-proxy.ts";
import { renderReport } from "./node-report.ts";
import { tellEligibility, untilPodPrefixes } from "./node-watch.ts";
import { servePages } from "./page-server.ts";
import { kubePrefix } from "./plan/index.ts";
import { ReportLease } from "./report-lease.ts";
import { SyncHealth } from "./sync-health.ts";
import { SyncLoop } from "./sync-loop.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface AgentOptions {
  readonly settings: NodeSettings;
  readonly client: ClusterSource & Pick<KubeClient, "get" | "create" | "patch" | "mergePatch">;
  /** The API server's URL, for messages. */
  readonly server: string;
  /** Where the agent's Lease is. */
  readonly namespace: string;
  /** Who writes events and the Lease: the same after a restart, another on another machine. */
  readonly identity: string;
  /** Undefined: the pages are not served. */
  readonly healthzAddress: Address | undefined;
  readonly metricsAddress: Address | undefined;
  /** Whether an address that is taken ends the agent; else it is tried again and again. */
  readonly bindAddressHardFail: boolean;
  /** The configuration that holds, for `/configz`, as `kubeproxy.config.k8s.io/v1alpha1` has it. */
  readonly configz: object;
  readonly minSyncIntervalMs: number;
  /** What fails is tried again within this; twice as long may a change wait before the agent counts as ill. */
  readonly syncPeriodMs: number;
  /** What was found out about the machine, for the log. */
  readonly notes?: readonly Note[];
  readonly exec: Exec;
  /** How rules that others alter are noticed; undefined: not at all. */
  readonly drift: Pick<DriftOptions, "flavour" | "follow" | "enforceJumpOrder"> | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long an agent may be without its first state before it says so, again and again. */
const patienceMs = 5000;

/** Runs the agent until aborted. The rules and the Lease stay: traffic goes on without it. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { settings, client, server, metrics: registry, logger, clock } = options;
  const { nodeName } = settings;
  await using stack = new AsyncDisposableStack();
  const parts = assemble(options, stack, signal);
  const { cluster, events, proxy, lease, loop, drift } = parts;
  await serveAll(stack, options, parts, signal);

  logger.info("agent started", { node: nodeName, url: server });
  for (const [level, message, fields] of options.notes ?? []) logger[level](message, fields);
  const ended = new AbortController();
  const working = AbortSignal.any([signal, ended.signal]);
  const watching = cluster.watch(client, logger, registry, working);
  let reporting: Promise<void> | undefined;
  try {
    // No rule is written from half a state: it would cut off every Service that has not been read yet.
    await firstState(cluster, options, signal);
    stack.use(tellEligibility(cluster, nodeName, logger));
    events.node("Normal", "Starting", "");
    if (settings.localTraffic.mode === "NodeCIDR") await untilPodPrefixes(cluster, nodeName, logger, clock, signal);
    using _subscription = cluster.subscribe(announcing(proxy, () => loop.trigger()));
    loop.trigger();
    reporting = lease.run(working);
    await Promise.all([loop.run(signal), drift?.run(signal)]);
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
  } finally {
    ended.abort();
    await Promise.all([watching, reporting]);
    logger.info("agent stopped; the rules stay");
  }
}

/** What an agent consists of; nothing of it does anything yet. */
interface Parts {
  readonly health: SyncHealth;
  readonly cluster: WatchedCluster;
  readonly events: AgentEvents;
  readonly proxy: NodeProxy;
  readonly lease: ReportLease;
  readonly loop: SyncLoop;
  readonly drift: Drift | undefined;
  readonly metrics: AgentMetrics;
}

function assemble(options: AgentOptions, stack: AsyncDisposableStack, signal: AbortSignal): Parts {
  const { settings, client, identity, exec, metrics: registry, logger, clock, random } = options;
  const { nodeName, families } = settings;
  const metrics = new AgentMetrics(registry);
  if (settings.accounting.size > 0) registerAccounting(exec, registry, signal);
  const health = new SyncHealth(families, clock, 2 * options.syncPeriodMs);
  const cluster = new WatchedCluster(nodeName, logger, registry, settings.serviceProxyName);
  const common = { logger, metrics: registry, clock, random };
  const recorder = stack.use(
    new EventRecorder({ ...common, client, controller: "berth.dev/agent", instance: identity }),
  );
  const events = new AgentEvents(recorder, nodeName, (key) => cluster.service(key));
  const healthPorts = stack.use(serviceHealth(families, health, events, logger));
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
  const lease = new ReportLease({
    ...options,
    nodeName,
    chainPrefix: settings.chains.prefix,
    report: async () => {
      const { standing } = proxy.inspect();
      const programmed = await standing.hashes();
      return renderReport({ programmed, refused: standing.refused(), isolated: standing.isolated() });
    },
    node: () => cluster.node(),
    metrics,
  });
  // Who has chains of other names runs beside another proxy, which may be in that mode.
  const leftovers = settings.chains.prefix === kubePrefix ? new NftLeftovers(exec, families, logger) : undefined;
  const loop = new SyncLoop({
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
  function addressesChanged(): void {
    logger.info("the node's addresses changed", { node: nodeName, count: addresses.current.length });
    proxy.nodeChanged();
    loop.trigger();
  }
  const resync = (): void => loop.trigger();
  const drift = options.drift && new Drift({ ...common, ...options.drift, target: proxy, exec, ownWrites, resync });
  return { health, cluster, events, proxy, lease, loop, drift, metrics };
}

function serviceHealth(
  families: readonly Family[],
  health: SyncHealth,
  events: AgentEvents,
  logger: Logger,
): HealthPorts {
  return new HealthPorts({
    families,
    healthy: (family) => health.families().get(family)?.healthy === true,
    onFailure(service, port, why) {
      logger.warn("health check node port not served", { service, port, why });
      const note = `failed to start healthcheck on port ${port}: ${why}`;
      events.serviceWarning(service, "FailedToStartServiceHealthcheck", "Listen", note);
    },
  });
}

/** Tells the proxy of each change, and that there is something to be synced. */
function announcing(proxy: NodeProxy, trigger: () => void): ClusterListener {
  return {
    serviceChanged(key) {
      proxy.serviceChanged(key);
      trigger();
    },
    endpointsChanged(key, changedAt, slice) {
      proxy.endpointsChanged(key, changedAt, slice);
      trigger();
    },
    nodeChanged() {
      proxy.nodeChanged();
      trigger();
    },
  };
}

/** The two servers of kube-proxy, until the stack is disposed. */
async function serveAll(
  stack: AsyncDisposableStack,
  options: AgentOptions,
  { health, cluster, proxy, metrics, events, drift }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const { settings, healthzAddress, metricsAddress, bindAddressHardFail, logger, clock } = options;
  const shared = { logger, clock };
  if (healthzAddress !== undefined) {
    const routes = healthRoutes(health, () => nodeEligible(cluster.node()), metrics, clock);
    const pages = {
      ...shared,
      ...healthzAddress,
      routes,
      flag: "--healthz-bind-address",
      hardFail: bindAddressHardFail,
      onFailure: (why: string) => events.node("Warning", "FailedToStartProxierHealthcheck", why),
    };
    stack.use(await servePages(pages, signal));
  }
  if (metricsAddress === undefined) return;
  const routes = metricsRoutes({
    registry: options.metrics,
    configz: options.configz,
    state: async (query) => ({
      ...(await describeState(settings.nodeName, proxy.inspect(), health, query)),
      drift: drift?.state() ?? null,
    }),
  });
  const pages = {
    ...shared,
    ...metricsAddress,
    routes,
    flag: "--metrics-bind-address",
    // Waiting would not help against ourselves.
    hardFail: bindAddressHardFail || (metricsAddress.port !== 0 && metricsAddress.port === healthzAddress?.port),
    onFailure: (why: string) => events.node("Warning", "FailedToStartMetricServer", why),
  };
  stack.use(await servePages(pages, signal));
}

async function firstState(
  cluster: WatchedCluster,
  { server, logger, clock }: AgentOptions,
  signal: AbortSignal,
): Promise<void> {
  const start = clock.monotonic();
  const synced = cluster.synced();
  while ((await Promise.race([synced, sleep(patienceMs, signal, clock).then(() => "late" as const)])) === "late")
    logger.warn("no state from the API server yet; no rule is written and /healthz is 503", {
      url: server,
      durationMs: Math.round(clock.monotonic() - start),
    });
}
