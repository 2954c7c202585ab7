// What the controller finds: nodes with living agents, and Services that want load balancers of a provider.
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Child } from "../../e2e/contract/child.ts";
import { kubectlPath } from "../../e2e/contract/kubectl/run.ts";
import type { Access } from "../../e2e/contract/target.ts";
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

/** As the agent does. */
const renewalMs = 10_000;
/** How many requests are on their way to the API server at a time. */
const writers = 16;
/** Every Service has one of its own on the nodes' addresses, clear of those that are reserved. */
const firstPort = 33_000;

export async function createCluster(
  client: KubeClient,
  { provider, ...count }: { readonly provider: string; readonly services: number; readonly nodes: number },
  signal: AbortSignal,
): Promise<void> {
  await client.create(namespaces, { metadata: { name: agentLeaseNamespace } }, signal);
  await inParallel(count.nodes, async (i) => {
    await client.create(nodes, nodeOf(i), signal);
    await client.create(leases, leaseOf(i), signal);
  });
  await inParallel(count.services, (i) => client.create(services, serviceOf(i, provider), signal));
}

/** Teaches an API server the kinds of Berth. */
export async function defineKinds(kubeconfig: string): Promise<void> {
  const files = new URL("../../charts/berth/files/crds/", import.meta.url).pathname;
  // It keeps what it has discovered below its home.
  const environment = { KUBECONFIG: kubeconfig, HOME: dirname(kubeconfig), PATH: "/usr/bin:/bin" };
  for (const words of [
    ["apply", `--filename=${files}`],
    ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"],
  ]) {
    await using child = new Child(kubectlPath, words, { environment });
    if ((await child.end()) !== 0) throw child.failure("failed");
  }
}

/** Renews the agents' Leases as living agents do, until it is disposed. */
export function keepAgentsAlive(client: KubeClient, count: number): AsyncDisposable {
  const stop = new AbortController();
  const renewing = renew();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the agents end"));
      await renewing.catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
    },
  };

  async function renew(): Promise<never> {
    for (;;) {
      await setTimeout(renewalMs, undefined, { signal: stop.signal });
      await inParallel(count, async (i) => {
        const { metadata, spec } = leaseOf(i);
        await client.patch(leases, metadata, { type: "merge", body: { spec } }, stop.signal);
      });
    }
  }
}

/** Whether the access is a renewal by `keepAgentsAlive`. */
export function isRenewal({ verb, resource, namespace }: Access): boolean {
  return verb === "patch" && resource === "leases" && namespace === agentLeaseNamespace;
}

/** What the node of this number is at AWS. */
export function instanceOf(i: number): string {
  return `i-${i.toString(16).padStart(8, "0")}`;
}

function nodeOf(i: number): Node {
  const addresses = [{ type: "InternalIP", address: `10.1.${i >> 8}.${i & 255}` }];
  const providerID = `aws:///eu-west-1a/${instanceOf(i)}`;
  return { metadata: { name: `node${i}` }, spec: { providerID }, status: { addresses } };
}

function leaseOf(i: number): Lease & { readonly metadata: { readonly name: string } } {
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

function serviceOf(i: number, provider: string): Service {
  return {
    metadata: { namespace: "default", name: `web-${i}` },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: providerClass(provider),
      allocateLoadBalancerNodePorts: provider !== "node",
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
