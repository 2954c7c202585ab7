import { existsSync } from "node:fs";
import { join } from "node:path";
import { kubeProxyArguments, kubeProxyPath } from "../../e2e/kube-binaries/kube-proxy.ts";
import { Program, type Sandbox, type SandboxNode } from "../../sandbox/cluster/index.ts";
import { FailureError } from "../../src/base/index.ts";

/** One of those that are measured: what it is called and how its process is started and ended. */
export interface Contender {
  readonly name: string;
  readonly program: Program;
  /** The least that it waits between two writes of rules. */
  readonly minSyncMs: number;
  /** Which part of the changes it sees: before each there is a pause, so its interval does not count. */
  readonly share: number;
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
  const kubeProxy = (name: string, minSyncMs: number): Contender => ({
    name,
    minSyncMs,
    share: 100 / minSyncMs,
    program: new Program({
      name,
      command: [
        kubeProxyPath,
        ...kubeProxyArguments(`${sandbox.runDir}/node.kubeconfig`, node.name),
        `--iptables-min-sync-period=${minSyncMs}ms`,
      ],
      environment: { ...environment, BERTH_SANDBOX: sandbox.id },
      logPath: join(sandbox.runDir, "logs", `${name}.log`),
      netns: node.netns,
    }),
  });
  return [
    { name: "berth agent", program: node.agent, minSyncMs: 100, share: 1 },
    kubeProxy("kube-proxy", 1000),
    kubeProxy("kube-proxy 100ms", 100),
  ];
}
