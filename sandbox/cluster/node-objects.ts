import { type Node, nodes, zoneLabel } from "../../src/api/index.ts";
import type { KubeClient } from "../../src/kube/index.ts";
import type { ClusterPlan, NodePlan } from "./address-plan.ts";

/** Registers every node of the plan, as its kubelet would. */
export async function registerNodes(
  client: KubeClient,
  plan: ClusterPlan,
  now: string,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    plan.nodes.map(async (node) => {
      const { status, ...object } = nodeObject(plan, node, now);
      const { metadata } = await client.create(nodes, object, signal);
      await client.mergePatch(nodes, { metadata }, { status }, signal, { subresource: "status" });
    }),
  );
}

function nodeObject({ id }: ClusterPlan, { name, zone, addresses, podCidrs }: NodePlan, now: string): Node {
  const healthy = { lastHeartbeatTime: now, lastTransitionTime: now };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", [zoneLabel]: zone },
    },
    spec: {
      providerID: `berth://${id}/${name}`,
      podCIDRs: [...podCidrs],
      ...(podCidrs[0] === undefined ? {} : { podCIDR: podCidrs[0] }),
    },
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: "InternalIP", address })),
        { type: "Hostname", address: name },
      ],
      conditions: [
        { type: "Ready", status: "True", reason: "KubeletReady", message: "the sandbox runs it", ...healthy },
      ],
      // kubectl describe divides by these.
      allocatable: { pods: "110" },
      capacity: { pods: "110" },
    },
  };
}
