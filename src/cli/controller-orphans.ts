// `berth controller orphans`: what providers have of this cluster that no Service wants, listed once. Reads only.
import { type Command, Option } from "commander";
import {
  type LoadBalancerClass,
  loadBalancerClasses,
  namespaces,
  type Resource,
  type Service,
  services,
} from "../api/index.ts";
import { errorMessage, FailureError, isAbort } from "../base/index.ts";
import { formatOrphans, orphanReport, readClusterId } from "../controller/index.ts";
import { isForbidden, isNotFound, type KubeClient, type KubeObject } from "../kube/index.ts";
import type { OwnedObject, ProviderAdapter } from "../provider/index.ts";
import { createMetrics, type Logger } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { connect, workOnceAnswered } from "./connection.ts";
import { readConfiguration } from "./controller/config-file.ts";
import { type Given, given } from "./controller/options.ts";
import { chosenProviders } from "./controller/providers.ts";
import { loggerFor } from "./flags.ts";

interface Flags {
  readonly output: "text" | "json";
}

const helpText = `
It takes the flags and the file of \`berth controller\` that say which providers there are and where; others change nothing. Give it
those that the controller has. It only reads, and needs no Lease.
Exit code 0: listed, be there any or not; 1: something could not be asked; 2: wrong use.
Example:
  berth controller orphans --providers proxy --proxy-bridge br0 --proxy-network 10.89.0.0/16 -o json`;

export function defineOrphans(command: Command, process: Process): void {
  command
    .description("list load balancers of this cluster that no Service wants")
    .addOption(
      new Option("-o, --output <format>", "for people or for programs").choices(["text", "json"]).default("text"),
    )
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", helpText)
    .action((flags: Flags) => run({ ...given(command.parent ?? command), rest: command.args }, flags, process));
}

async function run(told: Given, flags: Flags, process: Process): Promise<void> {
  const configuration = await readConfiguration(told, process.environment);
  const { settings } = configuration;
  const chosen = await chosenProviders(configuration);
  const logger = loggerFor(settings, process);
  const metrics = createMetrics();
  const connection = await connect(settings, process, metrics);
  await using client = connection.client;
  await workOnceAnswered(connection, settings, process.signal, async (signal) => {
    const clusterId = settings.clusterId ?? (await whichCluster(client, logger, signal));
    const fence = (): string => "`berth controller orphans` only reads";
    const adapters = await chosen.create({ clusterId, environment: process.environment, fence, logger }, metrics);
    const owned = new Map<string, readonly OwnedObject[]>();
    // Before the Services: what is made meanwhile is no orphan.
    for (const adapter of adapters) owned.set(adapter.name, await listOwned(adapter, clusterId, signal));
    const report = orphanReport({
      clusterId,
      owned,
      services: await list<Service>(client, services, signal),
      classes: chosen.classes,
      classObjects: await list<LoadBalancerClass>(client, loadBalancerClasses, signal),
    });
    process.stdout.write(flags.output === "json" ? `${JSON.stringify(report, null, 2)}\n` : formatOrphans(report));
  });
}

/** The controller may wait for its rights; who asks once is told. */
async function whichCluster(client: KubeClient, logger: Logger, signal: AbortSignal): Promise<string> {
  await client.get(namespaces, { name: "kube-system" }, signal).catch((error: unknown) => {
    if (!isForbidden(error)) return;
    throw new FailureError(`${errorMessage(error)}; ${grant(namespaces, "get")}, or give --cluster-id`);
  });
  return await readClusterId(client, logger, signal);
}

async function listOwned(
  adapter: ProviderAdapter,
  clusterId: string,
  signal: AbortSignal,
): Promise<readonly OwnedObject[]> {
  try {
    return await Array.fromAsync(adapter.listOwned(clusterId, signal));
  } catch (error) {
    if (isAbort(error, signal)) throw error;
    const why = errorMessage(error);
    throw new FailureError(
      `cannot list what ${adapter.name} has: ${why}; run it where the controller runs, as the same user and with its flags`,
    );
  }
}

/** Berth's own kinds need not be there; without the rest nothing can be said. */
async function list<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  signal: AbortSignal,
): Promise<readonly T[]> {
  try {
    return (await client.listAll(resource, {}, signal)).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    if (!isForbidden(error)) throw error;
    throw new FailureError(`${errorMessage(error)}; ${grant(resource, "list")}`);
  }
}

/** The RBAC rule that is missing. */
function grant({ group, plural }: Resource<unknown>, verb: "get" | "list"): string {
  return `grant {apiGroups: [${JSON.stringify(group)}], resources: [${plural}], verbs: [${verb}]} by a ClusterRole`;
}
