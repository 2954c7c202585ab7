// `berth agent`: flags and kube-proxy's file -> the configuration that holds -> the agent, in the network namespace that
// it is started in.
import { hostname } from "node:os";
import type { Command } from "commander";
import {
  type AgentOptions,
  affinityNotes,
  applyHostSettings,
  dropsInvalid,
  findLivePeer,
  inspectHost,
  inspectIptables,
  kernelFiles,
  kubePrefix,
  peerAddresses,
  runAgent,
  tellFailedStart,
} from "../agent/index.ts";
import {
  errorMessage,
  FailureError,
  isAbort,
  systemClock,
  systemRandom,
  UsageError,
  untilAbort,
} from "../base/index.ts";
import { type Exec, systemExec, systemFollow } from "../kernel/index.ts";
import { createMetrics, type Logger, type RouteAnswer, serveEndpoints, watchEventLoop } from "../telemetry/index.ts";
import { connectAgent, explainNoAnswer } from "./agent/api-server.ts";
import { readConfigFile, writeConfigFile } from "./agent/config-file.ts";
import { untilChanged } from "./agent/config-watch.ts";
import { type Configuration, resolve } from "./agent/configuration.ts";
import { addFlags, given } from "./agent/options.ts";
import { hostSettings, logSettings, nodeNameOf, nodeSettings, processSettings } from "./agent/settings.ts";
import { versionText } from "./agent/version.ts";
import { defineCleanUp, removeRules } from "./agent-cleanup.ts";
import { defineUninstall } from "./agent-uninstall.ts";
import type { Process } from "./command.ts";
import { workOnceAnswered } from "./connection.ts";
import { loggerFor } from "./flags.ts";

export { normalizeArguments } from "./agent/options.ts";

/** A restore that is cut short is finished by the next start, which reads what the kernel holds. */
export const isCrashSafe = true;

export function define(command: Command, process: Process): void {
  addFlags(command);
  command.action(() => run(command, process));
  defineCleanUp(command, process);
  defineUninstall(command, process);
}

async function run(command: Command, process: Process): Promise<void> {
  const flags = given(command);
  const { version = "false", config = "" } = flags.switches;
  if (version !== "false") {
    process.stdout.write(versionText(version));
    return;
  }
  const configuration = resolve(flags, config === "" ? undefined : await readConfigFile(config));
  const { values, switches, warnings } = configuration;
  const logger = loggerFor(logSettings(configuration), process);
  for (const { what, why } of warnings) logger.warn("part of the configuration has no effect", { what, why });
  if (switches["write-config-to"] !== "") {
    await writeConfigFile(switches["write-config-to"], values);
    logger.info("configuration written", { path: switches["write-config-to"] });
    return;
  }
  if (switches.cleanup) return await removeRules(process, switches["iptables-chain-prefix"]);
  const exec = systemExec(process.environment);
  if (switches["cleanup-and-stay"]) return await cleanUpAndStay(configuration, logger, process);
  if (switches["init-only"]) return await setUpHost(configuration, exec, logger, process.signal);
  await refuseLivePeer(configuration, logger, process.signal);
  await serve(configuration, exec, logger, process);
}

async function serve(configuration: Configuration, programs: Exec, logger: Logger, process: Process): Promise<void> {
  const { signal } = process;
  const host = await inspectHost(programs, signal);
  const metrics = createMetrics();
  const common = { metrics, logger, clock: systemClock, random: systemRandom };
  using _loop = watchEventLoop(common);
  const connection = await connectAgent(configuration, process, metrics);
  const { client, server } = connection;
  await using _client = client;
  const identity = hostname();
  const nodeName = nodeNameOf(configuration.values, identity);
  // Now nothing is left that could be wrong with the command line.
  const { exec, flavour, notes, ...abilities } = await inspectIptables(
    programs,
    host.families,
    signal,
    configuration.switches["iptables-chain-prefix"],
    logger,
  ).catch(async (error: unknown) => {
    if (!isAbort(error, signal)) await tellFailedStart({ ...common, client, identity }, nodeName, errorMessage(error));
    throw error;
  });
  await setUpHost(configuration, exec, logger, signal);
  const options: AgentOptions = {
    // Whether connection tracking is liberal may have been set only now.
    settings: nodeSettings(configuration, { ...abilities, dropInvalid: await dropsInvalid(), hostName: identity }),
    client,
    server,
    identity,
    ...processSettings(configuration),
    // The trial of xt_recent has loaded the module.
    notes: [...notes, ...(abilities.sessionAffinity.size > 0 ? await affinityNotes(kernelFiles()) : [])],
    exec,
    drift: {
      flavour,
      follow: systemFollow(process.environment),
      enforceJumpOrder: configuration.switches["enforce-jump-order"],
    },
    vipRoutes: configuration.switches["local-vip-routes"],
    ...common,
  };
  const patience = { apiServerTimeout: configuration.switches["api-server-timeout"] };
  const { file } = configuration;
  const work = (end: AbortSignal): Promise<void> =>
    workOnceAnswered(connection, patience, end, (over) => runAgent(options, over));
  try {
    await (file === undefined ? work(signal) : untilChanged(file, signal, systemClock, work));
  } catch (error) {
    throw await explainNoAnswer(error, configuration, process, exec);
  }
}

async function setUpHost(configuration: Configuration, exec: Exec, logger: Logger, signal: AbortSignal): Promise<void> {
  await applyHostSettings(hostSettings(configuration), { files: kernelFiles(), exec, logger }, signal);
}

/** Takes the place of an agent that is to leave its node: it is healthy once the node has no rules of it. */
async function cleanUpAndStay(configuration: Configuration, logger: Logger, process: Process): Promise<void> {
  const { healthzAddress: at } = processSettings(configuration);
  if (at === undefined)
    throw new UsageError("--cleanup-and-stay: nobody could see the end; give --healthz-bind-address");
  const peer = await livePeer(configuration, process.signal);
  // Its rules have the names of ours, and serve the node.
  if (peer === undefined) await removeRules(process, configuration.switches["iptables-chain-prefix"]);
  else logger.warn("another proxy is alive on this node; its rules stay", { why: peer });
  const ok = (): RouteAnswer => ({ status: 200, body: "ok\n" });
  await using _ = await serveEndpoints({ ...at, routes: { "/healthz": ok, "/livez": ok } });
  logger.info("node is clean");
  await untilAbort(process.signal).catch(() => {});
}

async function livePeer(configuration: Configuration, signal: AbortSignal): Promise<string | undefined> {
  const { healthzAddress, metricsAddress } = processSettings(configuration);
  const ours = [healthzAddress, metricsAddress].filter((address) => address !== undefined);
  return await findLivePeer(peerAddresses(ours, configuration.switches["iptables-chain-prefix"]), signal);
}

async function refuseLivePeer(configuration: Configuration, logger: Logger, signal: AbortSignal): Promise<void> {
  const { force, "iptables-chain-prefix": prefix } = configuration.switches;
  const peer = await livePeer(configuration, signal);
  if (peer === undefined) return;
  const what = `another proxy is alive on this node (${peer})`;
  const [why, remedy] =
    prefix === kubePrefix
      ? ["both would remove each other's rules", "stop kube-proxy or the other agent here first"]
      : [
          "it has the ports that this agent is to have, or is this agent once more",
          "give a --healthz-bind-address and a --metrics-bind-address that nobody else has, or stop the other one",
        ];
  if (!force) throw new FailureError(`${what}: ${why}; ${remedy}, or give --force to start all the same`);
  logger.warn("another proxy is alive on this node; started because of --force", { why: peer });
}
