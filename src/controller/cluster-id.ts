import { namespaces } from "../api/index.ts";
import { Backoff, errorMessage, isAbort, sleep } from "../base/index.ts";
import type { KubeClient } from "../kube/index.ts";
import type { Logger } from "../telemetry/index.ts";

/**
 * Who this cluster is to the outside: the UID of its `kube-system` namespace, which no other cluster has and which
 * lives as long as the cluster. Asks until the API server answers.
 */
export async function readClusterId(
  client: Pick<KubeClient, "get">,
  logger: Logger,
  signal: AbortSignal,
): Promise<string> {
  const backoff = new Backoff({ baseMs: 500, capMs: 15_000, jitter: 0.2 });
  for (;;) {
    try {
      const { metadata } = await client.get(namespaces, { name: "kube-system" }, signal);
      if (metadata.uid !== undefined) return metadata.uid;
      throw new Error("the namespace kube-system has no UID");
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      const retryMs = Math.round(backoff.next());
      logger.warn("cannot read the namespace kube-system", { why: errorMessage(error), retryMs });
      await sleep(retryMs, signal);
    }
  }
}
