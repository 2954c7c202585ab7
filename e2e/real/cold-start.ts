// How long the processes of Berth took from their start in a container until they worked.
import { readFile } from "node:fs/promises";
import type { RealCluster } from "./cluster.ts";
import { commands, processesOf } from "./footprint.ts";

/** What a process says as soon as it works: the agent for each family. */
const worked = { agent: ["rules compared with the kernel", 2], controller: ["controller works", 1] } as const;

/** Of each agent, and of the controller that leads; in words. */
export async function coldStarts(cluster: RealCluster): Promise<string> {
  const agents = await timesOf(cluster, "agent");
  const controllers = await timesOf(cluster, "controller");
  return `from the start of a process until it worked: agents ${agents.join(", ")}, controller ${controllers.join(", ")}`;
}

async function timesOf(cluster: RealCluster, component: keyof typeof worked): Promise<readonly string[]> {
  const pods = ["get", "pods", "--namespace=kube-system", `--selector=app.kubernetes.io/component=${component}`];
  const columns = "--output=jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {end}";
  const words = (await cluster.kubectl([...pods, columns])).trim().split(" ");
  const times: string[] = [];
  for (const pid of await processesOf(cluster, commands[component])) {
    const environment = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
    // Of a pod in the node's network it is the node's.
    const host = environment.find((line) => line.startsWith("HOSTNAME="))?.slice("HOSTNAME=".length) ?? "";
    const pod = component === "agent" ? words[words.indexOf(host) - 1] : host;
    const log = await cluster.kubectl(["logs", "--namespace=kube-system", pod ?? "", `--container=${component}`]);
    const [message, count] = worked[component];
    const line = log.split("\n").filter((text) => text.includes(message))[count - 1];
    if (line === undefined) continue;
    const { time } = JSON.parse(line) as { time: string };
    times.push(`${((Date.parse(time) - (await startedAt(pid))) / 1000).toFixed(2)} s`);
  }
  return times;
}

/** When a process began, in ms since 1970: the kernel counts hundredths of a second since the boot. */
async function startedAt(pid: number): Promise<number> {
  const [uptime = ""] = (await readFile("/proc/uptime", "utf8")).split(" ");
  const booted = Date.now() - Number(uptime) * 1000;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return booted + ticks * 10;
}
