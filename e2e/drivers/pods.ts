// Berth and the client as pods of a cluster that has real kubelets.
import { chartPath } from "../../hack/chart/helm.ts";
import { sleep } from "../../src/base/index.ts";
import type { Release } from "./driver.ts";

export type Kubectl = (args: readonly string[], stdin?: string) => Promise<string>;

const system = "--namespace=kube-system";
const patience = "--timeout=300s";

/** What helm is told of our release. */
export const release: readonly string[] = ["berth", chartPath, system, "--wait", "--timeout=5m"];

/** Installs the chart, and waits for DNS, which waits for the agents. */
export async function installBerth(chart: Release, kubectl: Kubectl): Promise<void> {
  await chart.helm(["install", ...release], chart.values);
  await kubectl(["rollout", "status", "deployment/coredns", patience, system]);
}

/** Starts the pod `client` on a node. */
export async function startClient(kubectl: Kubectl, node: string): Promise<void> {
  const ports = [{ containerPort: 8080 }];
  const container = { name: "echo", image: "berth.dev/echo", imagePullPolicy: "Never", ports };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "client" },
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [container] },
  };
  await kubectl(["apply", "--filename=-"], JSON.stringify(pod));
  await kubectl(["wait", "--for=condition=Ready", patience, "pod/client"]);
}

/** Ends all pods of the controller at once and waits for others. */
export async function restartController(kubectl: Kubectl): Promise<void> {
  await kubectl(["delete", "pods", system, `--selector=app.kubernetes.io/component=controller`]);
  await kubectl(["rollout", "status", "deployment/berth-controller", patience, system]);
}

/** Ends the agent of a node and waits for another. */
export async function restartAgent(kubectl: Kubectl, node: string): Promise<void> {
  const which = [
    "pods",
    system,
    "--selector=app.kubernetes.io/component=agent",
    `--field-selector=spec.nodeName=${node}`,
  ];
  await kubectl(["delete", ...which]);
  while ((await kubectl(["get", ...which, "--output=name"])) === "") await sleep(50, new AbortController().signal);
  await kubectl(["wait", "--for=condition=Ready", patience, ...which]);
}
