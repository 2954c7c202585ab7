import { namespaces as namespaceResource, nodes } from "../../src/api/index.ts";
import type { KubeClient } from "../../src/kube/index.ts";
import { namespaces } from "./objects.ts";
import { sentinel } from "./sentinel.ts";
import { nodeName } from "./side.ts";

/** Makes what the churn does not: the node that kube-proxy serves, namespaces, and something to scale. */
export function prepareCluster(signal: AbortSignal): (client: KubeClient) => Promise<void> {
  return async (client) => {
    for (const name of namespaces) await client.create(namespaceResource, { metadata: { name } }, signal);
    const labels = { "topology.kubernetes.io/zone": "zone-a" };
    await client.create(nodes, { metadata: { name: nodeName, labels } }, signal);
    const addresses = ["192.0.2.11", "fd00:2::11"].map((address) => ({ type: "InternalIP", address }));
    const at = { name: nodeName, subresource: "status" };
    await client.patch(nodes, at, { type: "merge", body: { status: { addresses } } }, signal);
    const template = {
      metadata: { labels: { app: "echo" } },
      spec: { containers: [{ name: "echo", image: "echo:1" }] },
    };
    await client.request({
      method: "POST",
      path: `/apis/apps/v1/namespaces/${namespaces[0]}/deployments`,
      body: { metadata: { name: "echo" }, spec: { selector: { matchLabels: { app: "echo" } }, template } },
      signal,
    });
    for (const { method, path, body } of sentinel) await client.request({ method, path, body, signal });
  };
}
