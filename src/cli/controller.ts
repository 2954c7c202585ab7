// `berth controller`: flags and file -> providers, API client and leadership -> the controller.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { argv, execArgv, execPath } from "node:process";
import type { Command } from "commander";
import { errorMessage, FailureError, isAbort, onAbort, systemClock, systemRandom, UsageError } from "../base/index.ts";
import { Controller, readClusterId } from "../controller/index.ts";
import { EventRecorder, type Fence, LeaseElection } from "../kube/index.ts";
import { withPort } from "../net/index.ts";
import type { ProviderAdapter, ProviderContext, ProviderModule } from "../provider/index.ts";
import {
  createMetrics,
  type HttpEndpoint,
  type Metrics,
  type Route,
  serveEndpoints,
  watchEventLoop,
} from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { connect, workOnceAnswered } from "./connection.ts";
import { readConfigFile } from "./controller/config-file.ts";
import { type Configuration, resolve } from "./controller/configuration.ts";
import { addFlags, type Given, given } from "./controller/options.ts";
import { classesOf, leaseTimesOf, poolOf } from "./controller/wishes.ts";
import { type HostPort, loggerFor } from "./flags.ts";
import { providerLoaders } from "./providers.ts";

export function define(command: Command, process: Process): void {
  addFlags(command, process.environment).action(async () => {
    try {
      await run(given(command), process);
    } catch (error) {
      // A signal is how a controller ends in order, wherever it is.
      if (!isAbort(error, process.signal)) throw error;
    }
  });
}

async function run(told: Given, process: Process): Promise<void> {
  const { environment } = process;
  const file = told.file === undefined ? undefined : await readConfigFile(told.file);
  const configuration = resolve(told, file, environment);
  const { settings } = configuration;
  const modules = await loadProviders(configuration);
  const providerFlags = configuration.providerFlags(modules);
  const names = modules.map(({ name }) => name);
  const classes = classesOf(configuration, names);
  const pool = poolOf(configuration);
  const times = leaseTimesOf(configuration);
  const logger = loggerFor(settings, process);
  const metrics = createMetrics();
  const common = { logger, metrics, clock: systemClock, random: systemRandom };
  const instance = `${hostname()}_${randomUUID()}`;

  let controller: Controller | undefined;
  await using _ = await serve(configuration, metrics, () => controller?.ready === true);
  using _loop = watchEventLoop(common);
  const connection = await connect(settings, process, metrics);
  const { client } = connection;
  await using _client = client;
  await workOnceAnswered(connection, settings, process.signal, async (signal) => {
    const clusterId = settings.clusterId ?? (await readClusterId(client, logger, signal));
    const { stateDir, reservedPorts, agentNamespace } = settings;
    const lease = { namespace: settings.namespace, name: settings.instance, identity: instance, times };
    const election = settings.leaderElect ? new LeaseElection({ ...common, client, ...lease }) : undefined;
    const fence: Fence = () => election?.fence();
    const providers = await createProviders(modules, {
      flags: providerFlags,
      clusterId,
      stateDir,
      reservedPorts,
      environment,
      fence,
      logger,
    });

    const writer = client.fenced(fence);
    await using recorder = new EventRecorder({
      ...common,
      client: writer,
      controller: "berth.dev/controller",
      instance,
    });
    const working = new Controller({
      ...common,
      client: writer,
      recorder,
      providers,
      classes,
      clusterId,
      pool,
      agentNamespace,
      nodePorts: { policy: settings.nodePorts, range: settings.nodePortRange },
      workers: settings.concurrentServiceSyncs,
      driftResyncMs: settings.driftResyncPeriod,
    });
    controller = working;
    const lead = async (leading: AbortSignal): Promise<void> => {
      try {
        await working.lead(leading, fence);
      } finally {
        // While the lease is still ours: after it, nothing more is written.
        await recorder.flush();
      }
    };
    await whileWatching(working, () => election?.run(lead, signal) ?? lead(signal), signal);
    logger.info("controller ended");
  });
}

async function createProviders(
  modules: readonly ProviderModule[],
  context: Omit<ProviderContext, "berth" | "clock">,
): Promise<readonly ProviderAdapter[]> {
  const berth = [execPath, ...execArgv, argv[1] ?? ""];
  const providers: ProviderAdapter[] = [];
  for (const module of modules) {
    const logger = context.logger.with({ provider: module.name });
    providers.push(await module.create({ ...context, berth, logger, clock: systemClock }));
  }
  return providers;
}

/** Does the work of a controller that watches for as long as it takes, so that it finds everything known. */
async function whileWatching(controller: Controller, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const end = new AbortController();
  using _ = onAbort(signal, () => end.abort(signal.reason));
  const watching = controller.watch(end.signal);
  try {
    await work();
  } finally {
    end.abort(new Error("the controller is over"));
    await watching;
  }
}

async function loadProviders({ settings, place }: Configuration): Promise<readonly ProviderModule[]> {
  const { providers: names } = settings;
  const known = [...providerLoaders.keys()].join(", ");
  if (names.length === 0) throw new UsageError(`--providers: missing; give one of ${known}`);
  return await Promise.all(
    [...new Set(names)].map(async (name) => {
      const load = providerLoaders.get(name);
      if (load === undefined)
        throw new UsageError(`${place("providers")}: ${JSON.stringify(name)} is unknown; give one of ${known}`);
      return (await load()).provider;
    }),
  );
}

async function serve(
  { settings, place }: Configuration,
  metrics: Metrics,
  isReady: () => boolean,
): Promise<AsyncDisposable> {
  const { metricsBindAddress: forMetrics, healthBindAddress: forHealth } = settings;
  const alive: Route = () => ({ status: 200, body: "ok\n" });
  const ready: Route = () => (isReady() ? { status: 200, body: "ok\n" } : { status: 503, body: "caches not synced\n" });
  const health = { "/livez": alive, "/healthz": alive, "/readyz": ready };
  const counts: Record<string, Route> = {
    "/metrics": async () => ({ status: 200, body: await metrics.metrics(), contentType: metrics.contentType }),
  };
  await using stack = new AsyncDisposableStack();
  if (sameAddress(forMetrics, forHealth))
    stack.use(await listen(place("metricsBindAddress"), forMetrics, { ...health, ...counts }));
  else {
    stack.use(await listen(place("metricsBindAddress"), forMetrics, counts));
    stack.use(await listen(place("healthBindAddress"), forHealth, health));
  }
  return stack.move();
}

function sameAddress(a: HostPort, b: HostPort): boolean {
  return a.host === b.host && a.port === b.port && a.port !== 0;
}

async function listen(place: string, at: HostPort, routes: Readonly<Record<string, Route>>): Promise<HttpEndpoint> {
  try {
    return await serveEndpoints({ ...at, routes });
  } catch (error) {
    throw new FailureError(
      `${place}: cannot listen on ${withPort(at.host, at.port)}: ${errorMessage(error)}; give another address`,
    );
  }
}
