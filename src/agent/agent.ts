import { type Clock, errorMessage, FailureError, isAbort, type Random, sleep } from "../base/index.ts";
import { type Exec, readLocalSockets } from "../kernel/index.ts";
import {
  type EndpointOptions,
  type HttpEndpoint,
  type Logger,
  type Metrics,
  serveEndpoints,
} from "../telemetry/index.ts";
import { registerAccounting } from "./accounting.ts";
import { type ClusterSource, WatchedCluster } from "./cluster-state.ts";
import { Drift, type DriftOptions, OwnWrites } from "./drift/index.ts";
import { healthRoutes } from "./health-pages.ts";
import { HealthPorts } from "./health-ports.ts";
import { localAddresses } from "./host.ts";
import type { Note } from "./iptables-host.ts";
import { AgentMetrics } from "./metrics.ts";
import { NftLeftovers } from "./nft-leftovers.ts";
import type { NodeSettings } from "./node-facts.ts";
import { NodeProxy } from "./node-proxy.ts";
import { SyncHealth } from "./sync-health.ts";
import { SyncLoop } from "./sync-loop.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface AgentOptions {
  readonly settings: NodeSettings;
  readonly client: ClusterSource;
  /** The API server's URL, for messages. */
  readonly server: string;
  readonly healthzAddress: Address;
  readonly metricsAddress: Address;
  readonly minSyncIntervalMs: number;
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

/** Runs the agent until aborted. The rules stay: traffic goes on without it. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { settings, client, server, exec, metrics: registry, logger, clock, random } = options;
  const metrics = new AgentMetrics(registry);
  if (settings.accounting.size > 0) registerAccounting(exec, registry, signal);
  const health = new SyncHealth(settings.families, clock);
  const routes = healthRoutes(health, metrics, clock);
  await using _healthz = await serve("--healthz-bind-address", { ...options.healthzAddress, routes });
  await using _metrics = await serve("--metrics-bind-address", {
    ...options.metricsAddress,
    routes: {
      ...routes,
      "/metrics": async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() }),
      "/proxyMode": () => ({ status: 200, body: "iptables" }),
    },
  });
  const everywhere = settings.families.includes("IPv6") ? "::" : "0.0.0.0";
  await using healthPorts = new HealthPorts(everywhere, () => health.ready, logger);

  const cluster = new WatchedCluster(settings.nodeName, logger, registry);
  logger.info("agent started", { node: settings.nodeName, url: server });
  for (const [level, message, fields] of options.notes ?? []) logger[level](message, fields);
  const ended = new AbortController();
  const watching = cluster.watch(client, logger, registry, AbortSignal.any([signal, ended.signal]));
  try {
    // No rule is written from half a state: it would cut off every Service that has not been read yet.
    await firstState(cluster, options, signal);
    if (cluster.node() === undefined)
      logger.warn("no Node object of this name; endpoints on this node are unknown and /healthz is 503", {
        node: settings.nodeName,
        why: "--hostname-override must be the name of the Node object",
      });
    const ownWrites = new OwnWrites(clock);
    const proxy = new NodeProxy({
      settings,
      state: cluster,
      exec: ownWrites.through(exec),
      localAddresses,
      localSockets: readLocalSockets,
      health,
      healthPorts,
      metrics,
      logger,
      clock,
    });
    const leftovers = new NftLeftovers(exec, settings.families, logger);
    const loop = new SyncLoop({
      // A restore that is cut short may leave one table new and the other old; its own time limit ends it.
      sync: async () => {
        const whole = new AbortController().signal;
        const againMs = await proxy.sync(whole);
        await leftovers.remove(whole);
        return againMs;
      },
      minIntervalMs: options.minSyncIntervalMs,
      logger,
      clock,
      random,
    });
    using _subscription = cluster.subscribe({
      serviceChanged(key) {
        proxy.serviceChanged(key);
        loop.trigger();
      },
      endpointsChanged(key, changedAt) {
        proxy.endpointsChanged(key, changedAt);
        loop.trigger();
      },
      nodeChanged() {
        proxy.nodeChanged();
        loop.trigger();
      },
    });
    loop.trigger();
    const drift =
      options.drift &&
      new Drift({
        ...options.drift,
        target: proxy,
        exec,
        ownWrites,
        resync: () => loop.trigger(),
        metrics: registry,
        logger,
        clock,
        random,
      });
    await Promise.all([loop.run(signal), drift?.run(signal)]);
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
  } finally {
    ended.abort();
    await watching;
    logger.info("agent stopped; the rules stay");
  }
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

async function serve(flag: string, options: EndpointOptions): Promise<HttpEndpoint> {
  try {
    return await serveEndpoints(options);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what =
      code === "EADDRINUSE" ? "the port is taken (another agent or kube-proxy?)" : (code ?? errorMessage(cause));
    throw new FailureError(
      `${flag}: cannot listen on ${options.host} port ${options.port}: ${what}; free it or give another`,
      {
        cause,
      },
    );
  }
}
