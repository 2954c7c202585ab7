import { isAbort, sleep } from "../base/index.ts";
import type { AgentOptions } from "./agent-options.ts";
import { type AgentParts, assemble } from "./agent-parts.ts";
import type { ClusterListener, WatchedCluster } from "./cluster-state.ts";
import { describeState } from "./debug-state.ts";
import { healthRoutes, metricsRoutes } from "./health-pages.ts";
import { nodeEligible } from "./node-facts.ts";
import { tellEligibility, untilPodPrefixes } from "./node-watch.ts";
import { servePages } from "./page-server.ts";

/** How long an agent may be without its first state before it says so, again and again. */
const patienceMs = 5000;

/** Runs the agent until aborted. The rules and the Lease stay: traffic goes on without it. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { settings, client, server, metrics: registry, logger, clock } = options;
  const { nodeName } = settings;
  await using stack = new AsyncDisposableStack();
  const parts = assemble(options, stack, signal);
  const { cluster, events, lease, loop, drift, vipRoutes } = parts;
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
    using _subscription = cluster.subscribe(announcing(parts));
    loop.trigger();
    reporting = lease.run(working);
    await Promise.all([loop.run(signal), drift?.run(signal), vipRoutes?.run(signal)]);
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
  } finally {
    ended.abort();
    await Promise.all([watching, reporting]);
    logger.info("agent stopped; the rules stay");
  }
}

/** Tells the proxy of each change, and that there is something to be synced. */
function announcing({ proxy, loop, vipRoutes }: AgentParts): ClusterListener {
  const trigger = (): void => loop.trigger();
  return {
    serviceChanged(key) {
      proxy.serviceChanged(key);
      vipRoutes?.serviceChanged(key);
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
  { health, cluster, proxy, metrics, events, drift }: AgentParts,
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
