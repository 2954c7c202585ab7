// What the controller finds: nodes with living agents, and Services that want load balancers of the provider `node`.
import {
  agentLease,
  agentLeaseNamespace,
  type Lease,
  leases,
  type Node,
  namespaces,
  nodes,
  providerClass,
  reportAnnotation,
  type Service,
  services,
} from "../../src/api/index.ts";
import type { KubeClient } from "../../src/kube/index.ts";

/** How many requests are on their way to the API server at a time. */
const writers = 16;
/** Every Service has one of its own on the nodes' addresses, clear of those that are reserved. */
const firstPort = 33_000;

export async function createCluster(
  client: KubeClient,
  count: { readonly services: number; readonly nodes: number },
  signal: AbortSignal,
): Promise<void> {
  await client.create(namespaces, { metadata: { name: agentLeaseNamespace } }, signal);
  await inParallel(count.nodes, async (i) => {
    await client.create(nodes, nodeOf(i), signal);
    await client.create(leases, leaseOf(i), signal);
  });
  await inParallel(count.services, (i) => client.create(services, serviceOf(i), signal));
}

function nodeOf(i: number): Node {
  const addresses = [{ type: "InternalIP", address: `10.1.${i >> 8}.${i & 255}` }];
  return { metadata: { name: `node${i}` }, status: { addresses } };
}

function leaseOf(i: number): Lease {
  const report = { programmed: {}, refused: [], isolated: [] };
  return {
    metadata: {
      namespace: agentLeaseNamespace,
      name: agentLease(`node${i}`),
      annotations: { [reportAnnotation]: JSON.stringify(report) },
    },
    spec: {
      holderIdentity: `node${i}`,
      leaseDurationSeconds: 40,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    },
  };
}

function serviceOf(i: number): Service {
  return {
    metadata: { namespace: "default", name: `web-${i}` },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: providerClass("node"),
      allocateLoadBalancerNodePorts: false,
      ports: [{ name: "http", port: firstPort + i, protocol: "TCP" }],
    },
  };
}

async function inParallel(count: number, run: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(writers, count) }, work));
}
