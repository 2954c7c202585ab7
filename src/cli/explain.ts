// `berth explain`: what an API server says of one Service -> why it serves or does not, as a tree. Reads only, each
// kind once, and goes without what it may not read.
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import {
  agentLeaseNamespace,
  endpointSlices,
  events,
  leases,
  loadBalancerClasses,
  loadBalancerRecords,
  namespaces,
  nearestKey,
  nodes,
  type Resource,
  type Service,
  serviceNameLabel,
  services,
} from "../api/index.ts";
import { errorMessage, FailureError, firstFew, systemClock, UsageError } from "../base/index.ts";
import { explain, formatTree, type Part, type World } from "../explain/index.ts";
import { isForbidden, isNotFound, type KubeClient, type KubeObject } from "../kube/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { addConnectionFlags, type ConnectionFlags, connect, workOnceAnswered } from "./connection.ts";

interface Flags extends ConnectionFlags {
  readonly namespace: string;
  readonly output: "text" | "json";
}

/** What is asked about. */
interface At {
  readonly namespace: string;
  readonly name: string;
}

export function define(command: Command, process: Process): void {
  addConnectionFlags(command)
    .addHelpText("after", helpText)
    .argument("<service>", "service/NAME", parseName)
    .option("-n, --namespace <name>", "where the Service is", "default")
    .addOption(
      new Option("-o, --output <format>", "for people or for programs").choices(["text", "json"]).default("text"),
    )
    .action((name: string, flags: Flags) => run(name, flags, process));
}

const helpText = `
Without --kubeconfig it takes the file that KUBECONFIG names, else the pod's own account, else ~/.kube/config.
Exit code 0: all serves; 1: something does not, or nothing could be asked; 2: wrong use, or no such Service.
Examples:
  berth explain service/web
  berth explain svc/web -n shop -o json`;

/** `service/web`, `svc/web`: as kubectl names it. */
function parseName(text: string): string {
  const name = /^(?:service|services|svc)\/([^/]+)$/.exec(text)?.[1];
  if (name === undefined)
    throw new UsageError(`${JSON.stringify(text)} names no Service; give service/NAME, and -n NAMESPACE`);
  return name;
}

async function run(name: string, flags: Flags, process: Process): Promise<void> {
  const { namespace, output } = flags;
  const kubeconfig = flags.kubeconfig ?? (await usualKubeconfig(process.environment));
  const connection = await connect(kubeconfig === undefined ? {} : { kubeconfig }, process, createMetrics());
  await using client = connection.client;
  await workOnceAnswered(connection, flags, process.signal, async (signal) => {
    const at = { namespace, name };
    const world = await readWorld(client, at, await readService(client, at, signal), signal);
    const tree = explain(world, `${namespace}/${name}`);
    process.stdout.write(output === "json" ? `${JSON.stringify(tree, null, 2)}\n` : formatTree(tree));
    if (tree.verdict === "no") throw new FailureError(`${namespace}/${name} does not serve: ${tree.why ?? ""}`);
  });
}

async function usualKubeconfig({
  KUBECONFIG,
  KUBERNETES_SERVICE_HOST,
  HOME,
}: Process["environment"]): Promise<string | undefined> {
  if (KUBECONFIG !== undefined && KUBECONFIG !== "") return KUBECONFIG;
  if (KUBERNETES_SERVICE_HOST !== undefined) return undefined;
  const file = join(HOME ?? homedir(), ".kube/config");
  return await access(file).then(
    () => file,
    () => undefined,
  );
}

async function readService(client: KubeClient, at: At, signal: AbortSignal): Promise<Service> {
  try {
    return await client.get(services, at, signal);
  } catch (error) {
    if (isNotFound(error)) throw new UsageError(await whyMissing(client, at, signal));
    if (isForbidden(error)) throw new FailureError(`${errorMessage(error)}; ${grant(services, "get", at.namespace)}`);
    throw error;
  }
}

/** Names the Service that was probably meant, as far as Services may be listed. */
async function whyMissing(client: KubeClient, { namespace, name }: At, signal: AbortSignal): Promise<string> {
  const missing = `there is no Service ${name} in namespace ${namespace}`;
  const everywhere = await client.listAll(services, {}, signal).catch(() => undefined);
  const found = everywhere ?? (await client.listAll(services, { namespace }, signal).catch(() => undefined));
  if (found === undefined) return `${missing}; ${grant(services, "list")} to be told of others`;
  const others = found.items.map(({ metadata }) => metadata);
  const elsewhere = others.filter((one) => one.name === name).map((one) => one.namespace ?? "");
  if (elsewhere.length > 0)
    return `${missing}; there is one in ${elsewhere.slice(0, 5).sort().join(", ")}: give -n NAMESPACE`;
  const here = others
    .filter((one) => one.namespace === namespace)
    .map((one) => one.name ?? "")
    .sort();
  const nearest = nearestKey(name, here);
  if (nearest !== undefined) return `${missing}; ${nearest} may be meant`;
  return here.length === 0
    ? `${missing}, nor any other; check -n`
    : `${missing}; there are ${firstFew(here, { most: 10 })}`;
}

async function readWorld(
  client: KubeClient,
  { namespace, name }: At,
  service: Service,
  signal: AbortSignal,
): Promise<World> {
  const list = async <T extends KubeObject>(resource: Resource<T>, selection: object = {}): Promise<Part<T>> =>
    await part(
      resource,
      "list",
      selection,
      async () => (await client.listAll(resource, selection, signal)).items,
      signal,
    );
  const get = async <T extends KubeObject>(
    resource: Resource<T>,
    at: { namespace?: string; name: string },
  ): Promise<Part<T>> => await part(resource, "get", at, async () => [await client.get(resource, at, signal)], signal);
  const fieldSelector = `regarding.kind=Service,regarding.name=${name}`;
  const [slices, nodeList, namespaceList, classes, records, leaseList, eventList] = await Promise.all([
    list(endpointSlices, { namespace, labelSelector: `${serviceNameLabel}=${name}` }),
    list(nodes),
    get(namespaces, { name: namespace }),
    list(loadBalancerClasses),
    get(loadBalancerRecords, { namespace, name }),
    list(leases, { namespace: agentLeaseNamespace }),
    list(events, { namespace, fieldSelector }),
  ]);
  return {
    now: systemClock.now(),
    services: [service],
    slices,
    nodes: nodeList,
    namespaces: namespaceList,
    classes,
    records,
    leases: leaseList,
    events: eventList,
  };
}

/** A kind that the server does not serve has no objects; what it may not or cannot give is told in the tree. */
async function part<T>(
  resource: Resource<T>,
  verb: "get" | "list",
  { namespace }: { readonly namespace?: string },
  read: () => Promise<readonly T[]>,
  signal: AbortSignal,
): Promise<Part<T>> {
  try {
    return await read();
  } catch (error) {
    if (signal.aborted) throw error;
    if (isNotFound(error)) return [];
    if (!isForbidden(error)) return { unread: `${resource.plural} cannot be read: ${errorMessage(error)}; ask again` };
    return { unread: `${resource.plural} may not be read; ${grant(resource, verb, namespace)}` };
  }
}

/** The RBAC rule that is missing. */
function grant({ group, plural }: Resource<unknown>, verb: string, namespace?: string): string {
  const where = namespace === undefined ? "a ClusterRole" : `a Role in namespace ${namespace}`;
  return `grant {apiGroups: [${group === "" ? '""' : group}], resources: [${plural}], verbs: [${verb}]} by ${where}`;
}
