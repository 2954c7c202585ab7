// What controllers with provider `proxy` have made beside the API: what a leak or a double would be seen by.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { balancerNamespaces } from "../../providers/proxy/index.ts";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { execOk, systemExec } from "../../src/kernel/index.ts";
import { patienceMs } from "./cluster.ts";

export interface Outside {
  /** Ports of the bridge that lead to load balancers. */
  readonly plugs: number;
  readonly namespaces: readonly string[];
  readonly processes: number;
}

export async function outsideOf(sandbox: Sandbox): Promise<Outside> {
  const directory = join(sandbox.runDir, "balancers");
  const links = await execOk(sandbox.fabric.exec, "ip", ["-o", "link", "show"], limit());
  return {
    plugs: links.split("\n").filter((line) => /^\d+: blb/.test(line)).length,
    namespaces: await balancerNamespaces(directory),
    processes: readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(`${directory}/`))
      .length,
  };
}

/** The IPv4 address of each load balancer, or what keeps us from reading it. */
export async function addressesIn(namespaces: readonly string[]): Promise<readonly string[]> {
  const exec = systemExec(process.env);
  const all = namespaces.map(async (netns) => {
    const { stdout, stderr } = await exec.run("ip", ["-n", netns, "-o", "-4", "addr", "show", "dev", "eth0"], limit());
    return stderr === "" ? [...stdout.matchAll(/inet ([\d.]+)/g)].map(([, ip = ""]) => ip) : [stderr.trim()];
  });
  return (await Promise.all(all)).flat();
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function limit(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(patienceMs) };
}
