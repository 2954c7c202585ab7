import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespaces, nodes, zoneLabel } from "../../src/api/index.ts";
import { KubeApiError, KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import type { Operation } from "../churn/operations.ts";
import { prepareCluster } from "../churn/prepare.ts";
import { nodeName } from "../churn/side.ts";
import { Child } from "../contract/child.ts";
import { kubectlPath } from "../contract/kubectl/run.ts";
import { sandbox } from "../contract/sandbox.ts";
import { creation, parityNamespaces, type ServiceSpec } from "./objects.ts";
import { requireKubeProxy } from "./proxies.ts";

/** What the Node object says that its pods have. */
const podPrefixes = { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24", "fd00:244:0:1::/64"] };

export type Request = Operation & { readonly kind: "request" };

/** The API server that both proxies read. */
export class Cluster implements AsyncDisposable {
  readonly kubeconfig: string;
  readonly server: string;
  readonly #client: KubeClient;
  readonly #home: string;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    { kubeconfig, server, home }: { kubeconfig: string; server: string; home: string },
    client: KubeClient,
    owned: AsyncDisposableStack,
  ) {
    this.kubeconfig = kubeconfig;
    this.server = server;
    this.#client = client;
    this.#home = home;
    this.#owned = owned;
  }

  /** With these Services; throws where there is no kube-proxy to compare with. */
  static async start(services: readonly ServiceSpec[], signal: AbortSignal): Promise<Cluster> {
    requireKubeProxy();
    await using stack = new AsyncDisposableStack();
    const home = await mkdtemp(join(tmpdir(), "berth-parity-"));
    stack.defer(() => rm(home, { recursive: true, force: true }));
    const { kubeconfig } = stack.use(await sandbox.start());
    const connection = await loadKubeconfig(kubeconfig);
    const client = stack.use(new KubeClient({ connection, metrics: createMetrics() }));
    await prepareCluster(signal)(client);
    await client.patch(nodes, { name: nodeName }, { type: "merge", body: { spec: podPrefixes } }, signal);
    for (const name of parityNamespaces) await client.create(namespaces, { metadata: { name } }, signal);
    for (const service of services) await send(client, creation(service), signal);
    return new Cluster({ kubeconfig, server: connection.server, home }, client, stack.move());
  }

  /** Throws where the API server refuses. */
  perform(requests: readonly Request[], signal: AbortSignal): Promise<void> {
    return send(this.#client, requests, signal);
  }

  /** Takes the node out of its zone and back. */
  async renewTopology(signal: AbortSignal): Promise<void> {
    const zone = (await this.#client.get(nodes, { name: nodeName }, signal)).metadata.labels?.[zoneLabel] ?? null;
    for (const value of ["zone-between", zone]) {
      const body = { metadata: { labels: { [zoneLabel]: value } } };
      await this.#client.patch(nodes, { name: nodeName }, { type: "merge", body }, signal);
    }
  }

  /** Does what the API server may as well refuse. */
  async attempt(operation: Exclude<Operation, { kind: "cut" }>, signal: AbortSignal): Promise<void> {
    if (operation.kind === "kubectl") {
      const environment = { HOME: this.#home, KUBECONFIG: this.kubeconfig };
      await using command = new Child(kubectlPath, operation.words, { environment, stdin: operation.stdin ?? "" });
      await command.end();
      return;
    }
    try {
      await this.perform([operation], signal);
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

async function send(client: KubeClient, requests: readonly Request[], signal: AbortSignal): Promise<void> {
  for (const { method, path, body } of requests) {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    await client.request({ method, path, body, contentType, signal });
  }
}
