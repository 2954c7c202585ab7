import { type Node, nodes, zoneLabel } from "../../src/api/index.ts";
import type { KubeClient } from "../../src/kube/index.ts";
import type { ClusterPlan, NodePlan } from "./address-plan.ts";

export interface NodeFacts {
  readonly now: string;
  readonly providerId: (node: NodePlan) => string;
}

/** Registers every node of the plan, as its kubelet would. */
export async function registerNodes(
  client: KubeClient,
  plan: ClusterPlan,
  facts: NodeFacts,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    plan.nodes.map(async (node) => {
      const { status, ...object } = nodeObject(node, facts);
      const { metadata } = await client.create(nodes, object, signal);
      await client.mergePatch(nodes, { metadata }, { status }, signal, { subresource: "status" });
    }),
  );
}

function nodeObject(node: NodePlan, { now, providerId }: NodeFacts): Node {
  const { name, zone, addresses, podCidrs } = node;
  const healthy = { lastHeartbeatTime: now, lastTransitionTime: now };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", [zoneLabel]: zone },
    },
    spec: {
      providerID: providerId(node),
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
