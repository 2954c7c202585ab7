import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "../../src/base/index.ts";
import type { Driver } from "./driver.ts";

const failed = new URL("../failed/", import.meta.url).pathname;

/**
 * Does the work; when it fails, what the cluster says of itself is left in a folder of `e2e/failed`, which the error
 * names.
 */
export async function explained<T>(
  driver: Pick<Driver, "name" | "collect">,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Two runs may be on this machine.
    const folder = join(failed, `${driver.name}-${process.pid}`, what);
    await mkdir(folder, { recursive: true });
    await driver.collect(folder);
    throw new Error(`${errorMessage(error)}\nLogs and state of the cluster: ${folder}`, { cause: error });
  }
}

/** Kinds whose objects say what a cluster was to do and what became of it. */
const kinds =
  "nodes,namespaces,services,endpointslices,pods,deployments,daemonsets,configmaps,leases,events,crd,loadbalancerclasses,loadbalancerrecords,ipaddresspools";

const questions: Readonly<Record<string, readonly string[]>> = {
  "overview.txt": ["get", "nodes,pods,services,endpointslices,leases", "--all-namespaces", "--output=wide"],
  "events.txt": ["get", "events", "--all-namespaces", "--sort-by=.metadata.creationTimestamp"],
  "objects.yaml": ["get", kinds, "--all-namespaces", "--output=yaml"],
  "pods.txt": ["describe", "pods", "--all-namespaces"],
};

/** Writes what kubectl says of a cluster into a folder: objects, events, and the log of each container, past ones too. */
export async function collectCluster(
  kubectl: (args: readonly string[]) => Promise<string>,
  folder: string,
): Promise<void> {
  const tell = async (file: string, args: readonly string[]): Promise<void> =>
    await writeFile(join(folder, file), await kubectl(args).catch(String));
  for (const [file, args] of Object.entries(questions)) await tell(file, args);
  await mkdir(join(folder, "pods"), { recursive: true });
  const template = '{range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}';
  const names = await kubectl(["get", "pods", "--all-namespaces", `--output=jsonpath=${template}`]).catch(() => "");
  for (const line of names.split("\n").filter((text) => text !== "")) {
    const [namespace = "", pod = ""] = line.split(" ");
    const log = ["logs", "--all-containers", "--prefix", "--tail=20000", `--namespace=${namespace}`, pod];
    await tell(`pods/${namespace}.${pod}.log`, log);
    const previous = await kubectl([...log, "--previous"]).catch(() => "");
    if (previous !== "") await writeFile(join(folder, `pods/${namespace}.${pod}.previous.log`), previous);
  }
}

/** Rules, connections and what the agent says of itself, of one node. */
export async function collectNode(
  run: (program: string, args: readonly string[]) => Promise<string>,
  folder: string,
  node: string,
): Promise<void> {
  const commands: Readonly<Record<string, readonly [string, ...string[]]>> = {
    "iptables-save": ["iptables-save"],
    "ip6tables-save": ["ip6tables-save"],
    nft: ["nft", "list", "ruleset"],
    addresses: ["ip", "-o", "address"],
    routes: ["ip", "route", "show", "table", "all"],
    connections: ["conntrack", "-L"],
    healthz: ["curl", "-s", "http://127.0.0.1:10256/healthz"],
    metrics: ["curl", "-s", "http://127.0.0.1:10249/metrics"],
    state: ["curl", "-s", "http://127.0.0.1:10249/debug/state"],
  };
  for (const [name, [program, ...args]] of Object.entries(commands))
    await writeFile(join(folder, `${node}.${name}.txt`), await run(program, args).catch(String));
}

/** What the provider `proxy` keeps of its load balancers: their configurations, their logs, the health of nodes. */
export async function collectBalancers(stateDirectory: string, folder: string): Promise<void> {
  // One that goes meanwhile takes its files along.
  await cp(stateDirectory, join(folder, "balancers"), { recursive: true }).catch(async (error: unknown) => {
    await writeFile(join(folder, "balancers.txt"), String(error));
  });
}
