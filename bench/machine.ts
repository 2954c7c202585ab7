import { availableParallelism, cpus, loadavg, release } from "node:os";
import { kubeProxyPath } from "../e2e/kube-binaries/kube-proxy.ts";
import { type Exec, execOk } from "../src/kernel/index.ts";

/** What the numbers hold for, on one line; asked after the last of them. */
export async function describeMachine(exec: Exec, signal: AbortSignal): Promise<string> {
  const version = async (program: string): Promise<string> =>
    (await execOk(exec, program, ["--version"], { signal })).trim();
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `Linux ${release()}`,
    await version("iptables"),
    `Node ${process.version}`,
    `kube-proxy of ${await version(kubeProxyPath)}`,
    `load average ${loadavg()[1]?.toFixed(1)} over the last 5 minutes, ours included`,
  ].join(", ");
}
