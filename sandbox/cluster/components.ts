import { join } from "node:path";
import { withPort } from "../../src/net/index.ts";
import { bridge, type ClusterPlan, type NodePlan, nodePortRange } from "./address-plan.ts";
import { balancerDir, type Run } from "./registry.ts";

/** Starts this very `berth`, with the Node that runs us. */
const berth = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  "--max-semi-space-size=4",
  new URL("../../src/cli/main.ts", import.meta.url).pathname,
] as const;

export type Command = readonly [string, ...string[]];

const apiPort = 6443;

/** The files of a run. */
export function filesOf({ dir }: Run): {
  readonly apiSocket: string;
  /** As the API server writes it. */
  readonly apiKubeconfig: string;
  /** For the host. */
  readonly kubeconfig: string;
  /** The administrator's, for node namespaces. */
  readonly nodeKubeconfig: string;
  /** By the service accounts of `charts/berth/files/rbac`. */
  readonly agentKubeconfig: string;
  readonly controllerKubeconfig: string;
  /** What kubectl keeps of the API server's discovery; else it would go to the user's home. */
  readonly kubectlCache: string;
  readonly logs: string;
  readonly pods: string;
} {
  return {
    apiSocket: join(dir, "api.sock"),
    apiKubeconfig: join(dir, "apiserver.kubeconfig"),
    kubeconfig: join(dir, "kubeconfig"),
    nodeKubeconfig: join(dir, "node.kubeconfig"),
    agentKubeconfig: join(dir, "agent.kubeconfig"),
    controllerKubeconfig: join(dir, "controller.kubeconfig"),
    kubectlCache: join(dir, "kubectl-cache"),
    logs: join(dir, "logs"),
    pods: join(dir, "pods"),
  };
}

/** Where the control plane's host listens, as nodes see it. */
export function apiAddress(plan: ClusterPlan): string {
  return withPort(plan.fabric.addresses[0] ?? "", apiPort);
}

export function apiserverCommand(run: Run, plan: ClusterPlan): Command {
  const { apiSocket, apiKubeconfig } = filesOf(run);
  return [
    ...berth,
    "apiserver",
    `--listen=${apiAddress(plan)}`,
    `--listen=unix:${apiSocket}`,
    `--service-cidr=${plan.serviceCidrs.join(",")}`,
    `--node-port-range=${nodePortRange}`,
    `--advertise-address=${plan.fabric.addresses[0] ?? ""}`,
    // Where the host sees it.
    "--tls-san=127.0.0.1",
    `--kubeconfig-out=${apiKubeconfig}`,
  ];
}

/** Leaves alone what an agent would set for the whole machine, and its own place when memory is short. */
export const keepMachine: readonly string[] = ["--conntrack-max-per-core=0", "--oom-score-adj=0"];

export function agentCommand(run: Run, plan: ClusterPlan, node: NodePlan, args: readonly string[]): Command {
  return [
    ...berth,
    "agent",
    `--kubeconfig=${filesOf(run).agentKubeconfig}`,
    `--node-name=${node.name}`,
    `--cluster-cidr=${plan.clusterCidrs.join(",")}`,
    "--healthz-bind-address=[::]:10256",
    ...keepMachine,
    ...args,
  ];
}

export function controllerCommand(run: Run, plan: ClusterPlan, args: readonly string[]): Command {
  return [
    ...berth,
    "controller",
    `--kubeconfig=${filesOf(run).controllerKubeconfig}`,
    "--providers=proxy,node",
    `--state-dir=${balancerDir(run)}`,
    "--own-unclassed",
    `--address-pool=${plan.addressPools.join(",")}`,
    // It shares the host's loopback with whatever else runs there.
    "--metrics-bind-address=127.0.0.1:0",
    "--health-bind-address=127.0.0.1:0",
    `--proxy-bridge=${bridge}`,
    `--proxy-netns=${plan.fabric.netns}`,
    `--proxy-network=${plan.underlay.join(",")}`,
    ...args,
  ];
}
