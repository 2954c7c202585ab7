import { availableParallelism, cpus, loadavg, release } from "node:os";
import { type Exec, execOk } from "../src/kernel/index.ts";
import { kubeProxyPath } from "./contenders.ts";

/** What the numbers hold for, on one line. */
export async function describeMachine(exec: Exec, signal: AbortSignal): Promise<string> {
  const version = async (program: string): Promise<string> =>
    (await execOk(exec, program, ["--version"], { signal })).trim();
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `Linux ${release()}`,
    await version("iptables"),
    `Node ${process.version}`,
    `kube-proxy of ${await version(kubeProxyPath)}`,
    `load ${loadavg()[0]?.toFixed(1)} before`,
  ].join(", ");
}
