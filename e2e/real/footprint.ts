// What the processes of Berth take in a real cluster, beside kube-proxy in the same one.
import { readdir, readFile } from "node:fs/promises";
import { usageOf } from "../../bench/proc.ts";
import { sleep } from "../../src/base/index.ts";
import { type Exec, execOk, netnsPath } from "../../src/kernel/index.ts";
import { Child } from "../contract/child.ts";
import { kubeProxyArguments, kubeProxyPath } from "../kube-binaries/kube-proxy.ts";
import type { RealCluster } from "./cluster.ts";

const patienceMs = 120_000;
/** What command lines of the chart's processes have. */
export const commands = { agent: "/etc/berth/agent.yaml", controller: "/etc/berth/controller.yaml" } as const;

/** The memory of agents and controllers, and of kube-proxy with the same Services. */
export async function measure(cluster: RealCluster): Promise<string> {
  const kubeProxy = await residentOfKubeProxy(cluster);
  const agents = await residentOf(cluster, commands.agent);
  const controllers = await residentOf(cluster, commands.controller);
  return `resident memory: agents ${agents}, controllers ${controllers}, kube-proxy ${kubeProxy}`;
}

async function residentOf(cluster: RealCluster, text: string): Promise<string> {
  return (await processesOf(cluster, text)).map((pid) => mebibytes(usageOf(pid).residentBytes)).join(", ");
}

/** Processes on nodes whose command line has the text. */
export async function processesOf(cluster: RealCluster, text: string): Promise<readonly number[]> {
  const roots = new Set(cluster.nodes.map(({ pid }) => pid));
  const found: number[] = [];
  for (const name of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    // It may have ended meanwhile.
    const command = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (command.includes(text) && (await ancestors(Number(name))).some((pid) => roots.has(pid)))
      found.push(Number(name));
  }
  return found;
}

async function ancestors(pid: number): Promise<readonly number[]> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  return parent === 0 ? [] : [parent, ...(await ancestors(parent))];
}

/** On the machine outside of the cluster, where its rules serve nobody. */
async function residentOfKubeProxy({ plan, kubeconfig, nodes, outside }: RealCluster): Promise<string> {
  const [node] = nodes;
  if (node === undefined) throw new Error("no node");
  const command = [
    `--net=${netnsPath(plan.client.netns)}`,
    "--",
    kubeProxyPath,
    ...kubeProxyArguments(kubeconfig, node.name),
  ];
  await using kubeProxy = new Child("nsenter", command, { environment: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
  const limit = AbortSignal.timeout(patienceMs);
  const wanted = await chainsOf(node.exec, limit);
  while ((await chainsOf(outside, limit)) < wanted) await sleep(200, limit);
  return mebibytes(usageOf(kubeProxy.pid ?? 0).residentBytes);
}

/** How many Services' ports have a chain. */
async function chainsOf(exec: Exec, signal: AbortSignal): Promise<number> {
  const rules = await execOk(exec, "iptables-save", ["-t", "nat"], { signal });
  return rules.split("\n").filter((line) => line.startsWith(":KUBE-SVC-")).length;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
