// `berth controller`: flags and file -> providers, API client and leadership -> the controller.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Command } from "commander";
import { isAbort, onAbort, systemClock, systemRandom } from "../base/index.ts";
import { Controller, readClusterId } from "../controller/index.ts";
import { EventRecorder, type Fence, LeaseElection } from "../kube/index.ts";
import { createMetrics, watchEventLoop } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { connect, workOnceAnswered } from "./connection.ts";
import { readConfiguration } from "./controller/config-file.ts";
import { encode } from "./controller/document.ts";
import { leaseTrouble, workOf } from "./controller/leadership.ts";
import { addFlags, type Given, given } from "./controller/options.ts";
import { type Shown, servePages } from "./controller/pages.ts";
import { chosenProviders } from "./controller/providers.ts";
import { leaseTimesOf, poolOf } from "./controller/wishes.ts";
import { defineOrphans } from "./controller-orphans.ts";
import { loggerFor } from "./flags.ts";
import type { providerLoaders } from "./providers.ts";

/** `loaders`: every provider that there is. */
export function define(command: Command, process: Process, loaders?: typeof providerLoaders): void {
  addFlags(command, process.environment);
  defineOrphans(command.helpCommand(false).command("orphans"), process);
  command.action(async () => {
    try {
      await run(given(command), process, loaders);
    } catch (error) {
      // A signal is how a controller ends in order, wherever it is.
      if (!isAbort(error, process.signal)) throw error;
    }
  });
}

async function run(told: Given, process: Process, loaders?: typeof providerLoaders): Promise<void> {
  const { environment } = process;
  const configuration = await readConfiguration(told, environment);
  const { settings } = configuration;
  const chosen = await chosenProviders(configuration, loaders);
  const pool = poolOf(configuration);
  const times = leaseTimesOf(configuration);
  const logger = loggerFor(settings, process);
  const metrics = createMetrics();
  const common = { logger, metrics, clock: systemClock, random: systemRandom };
  const instance = `${hostname()}_${randomUUID()}`;

  let controller: Shown | string = "the API server has not answered yet";
  await using _ = await servePages(configuration, {
    metrics,
    configz: encode(settings, chosen.flags),
    controller: () => controller,
  });
  using _loop = watchEventLoop(common);
  const connection = await connect(settings, process, metrics);
  const { client } = connection;
  await using _client = client;
  await workOnceAnswered(connection, settings, process.signal, async (signal) => {
    const clusterId =
      settings.clusterId ??
      (await readClusterId(client, logger, signal, (why) => {
        controller = why;
      }));
    const { agentNamespace } = settings;
    const lease = { namespace: settings.namespace, name: settings.instance };
    const work = workOf(settings, logger);
    const election = settings.leaderElect
      ? new LeaseElection({ ...common, client, ...lease, identity: instance, times, work })
      : undefined;
    const fence: Fence = () => election?.fence();
    const providers = await chosen.create({ clusterId, environment, fence, logger }, metrics);

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
      classes: chosen.classes,
      clusterId,
      pool,
      agentNamespace,
      nodePorts: { policy: settings.nodePorts, range: settings.nodePortRange },
      workers: settings.concurrentServiceSyncs,
      orphans: { deletes: settings.deleteOrphans, graceMs: settings.orphanGracePeriod },
      driftResyncMs: settings.driftResyncPeriod,
      budgets: chosen.budgets,
      pauses: { maxMs: settings.providerMaxPause, relapseMs: settings.providerRelapsePeriod },
    });
    controller = {
      get missing() {
        return [...working.missing, ...leaseTrouble(settings, election?.failure)];
      },
      state: (query) => working.state(query),
    };
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
