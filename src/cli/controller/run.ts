// Flags and file -> providers, API client and leadership -> the controller at work.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { onAbort, systemClock, systemRandom } from "../../base/index.ts";
import { Controller, type Missing, readClusterId } from "../../controller/index.ts";
import { EventRecorder, type Fence, LeaseElection } from "../../kube/index.ts";
import { createMetrics, watchEventLoop } from "../../telemetry/index.ts";
import type { Process } from "../command.ts";
import { connect, workOnceAnswered } from "../connection.ts";
import { loggerFor } from "../flags.ts";
import type { providerLoaders } from "../providers.ts";
import { readConfiguration } from "./config-file.ts";
import { encode } from "./document.ts";
import { leaseTrouble, workOf } from "./leadership.ts";
import { endDeployment, type Leaving, remainsOf, removeLease, untilLeft } from "./leaving.ts";
import type { Given } from "./options.ts";
import { type Shown, servePages } from "./pages.ts";
import { chosenProviders } from "./providers.ts";
import { leaseTimesOf, poolOf } from "./wishes.ts";

/** How else than usual a controller runs. */
interface RunOptions {
  /** Every provider that there is. */
  readonly loaders?: typeof providerLoaders | undefined;
  /** It gives up all that it has, and ends. */
  readonly leaving?: Leaving;
}

/** Works until it is stopped, or has given up everything. Throws UsageError and FailureError. */
export async function runController(told: Given, process: Process, { loaders, leaving }: RunOptions): Promise<void> {
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
    if (leaving !== undefined) await endDeployment(client, settings, leaving, signal);
    const clusterId =
      settings.clusterId ??
      (await readClusterId(client, logger, signal, (why) => {
        controller = why;
      }));
    const { agentNamespace, nodesWithoutAgent } = settings;
    const lease = { namespace: settings.namespace, name: settings.instance };
    const leadersWork = workOf(settings, logger);
    const election = settings.leaderElect
      ? new LeaseElection({ ...common, client, ...lease, identity: instance, times, work: leadersWork })
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
      classes: { ...chosen.classes, areLeft: leaving !== undefined },
      clusterId,
      pool,
      agentNamespace,
      nodesWithoutAgent,
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
    const work = (until: AbortSignal): Promise<void> =>
      whileWatching(working, () => election?.run(lead, until) ?? lead(until), until);
    if (leaving === undefined) await work(signal);
    else {
      const troubles = (): readonly Missing[] => leaseTrouble(settings, election?.failure);
      const remains = (): readonly string[] => remainsOf(working, settings, troubles(), election?.mayWrite() ?? true);
      await untilLeft(work, remains, leaving, signal);
      if (settings.leaderElect) await removeLease(client, lease, signal);
    }
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
