import { existsSync } from "node:fs";
import { join } from "node:path";
import { Program, type Sandbox, type SandboxNode } from "../sandbox/cluster/index.ts";

import { FailureError } from "../src/base/index.ts";

export const kubeProxyPath: string = new URL("../e2e/kube-binaries/bin/kube-proxy", import.meta.url).pathname;

/** One of those that are measured: what it is called and how its process is started and ended. */
export interface Contender {
  readonly name: string;
  readonly program: Program;
}

export function requireKubeProxy(): void {
  if (!existsSync(kubeProxyPath))
    throw new FailureError("kube-proxy is not built; run e2e/kube-binaries/build first (needs Go)");
}

/** Ours first. kube-proxy once as it comes (one write of rules a second) and once with our interval. */
export function contendersOn(
  sandbox: Sandbox,
  node: SandboxNode,
  environment: Readonly<Record<string, string | undefined>>,
): readonly Contender[] {
  const kubeProxy = (name: string, args: readonly string[]): Contender => ({
    name,
    program: new Program({
      name,
      command: [kubeProxyPath, ...kubeProxyArgs(sandbox, node), ...args],
      environment: { ...environment, BERTH_SANDBOX: sandbox.id },
      logPath: join(sandbox.runDir, "logs", `${name}.log`),
      netns: node.netns,
    }),
  });
  return [
    { name: "berth agent", program: node.agent },
    kubeProxy("kube-proxy", []),
    kubeProxy("kube-proxy 100ms", ["--iptables-min-sync-period=100ms"]),
  ];
}

/** What the agent of a sandbox is told, in kube-proxy's words. */
function kubeProxyArgs({ runDir }: Sandbox, { name }: SandboxNode): readonly string[] {
  return [
    `--kubeconfig=${runDir}/node.kubeconfig`,
    // The sandbox's API server speaks no protobuf; the agent reads JSON as well.
    "--kube-api-content-type=application/json",
    "--proxy-mode=iptables",
    `--hostname-override=${name}`,
    "--cluster-cidr=10.244.0.0/16,fd00:244::/48",
    "--healthz-bind-address=[::]:10256",
    // Each of these would write a setting of the whole machine.
    "--conntrack-max-per-core=0",
    "--conntrack-min=0",
    "--conntrack-tcp-timeout-established=0",
    "--conntrack-tcp-timeout-close-wait=0",
  ];
}
