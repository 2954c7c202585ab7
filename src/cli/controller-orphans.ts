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
import { type ConnectionFlags, connect, workOnceAnswered } from "./connection.ts";
import { type LogFlags, loggerFor } from "./flags.ts";
import { chosenProviders, type ProviderFlags } from "./provider-flags.ts";

interface Flags extends LogFlags, ConnectionFlags, ProviderFlags {
  readonly output: "text" | "json";
}

const helpText = `
It takes the flags of \`berth controller\` that say which providers there are and where; others change nothing. Give it
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
    .action(() => run(command.optsWithGlobals<Flags>(), command.args, process));
}

async function run(flags: Flags, rest: readonly string[], process: Process): Promise<void> {
  const chosen = await chosenProviders(flags, rest);
  const logger = loggerFor(flags, process);
  const connection = await connect(flags, process, createMetrics());
  await using client = connection.client;
  await workOnceAnswered(connection, flags, process.signal, async (signal) => {
    const clusterId = flags.clusterId ?? (await whichCluster(client, logger, signal));
    const fence = (): string => "`berth controller orphans` only reads";
    const adapters = await chosen.create({ clusterId, environment: process.environment, fence, logger });
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
