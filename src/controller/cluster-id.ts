import { namespaces } from "../api/index.ts";
import { Backoff, errorMessage, isAbort, sleep } from "../base/index.ts";
import { isForbidden, KubeApiError, type KubeClient } from "../kube/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { allowing } from "./rights.ts";

/**
 * Who this cluster is to the outside: the UID of its `kube-system` namespace, which no other cluster has and which
 * lives as long as the cluster. Asks until the API server tells; `onRefused` is called with what it says instead.
 */
export async function readClusterId(
  client: Pick<KubeClient, "get">,
  logger: Logger,
  signal: AbortSignal,
  onRefused: (why: string) => void = () => {},
): Promise<string> {
  const backoff = new Backoff({ baseMs: 500, capMs: 15_000, jitter: 0.2 });
  for (;;) {
    try {
      const { metadata } = await client.get(namespaces, { name: "kube-system" }, signal);
      if (metadata.uid !== undefined) return metadata.uid;
      throw new Error("the namespace kube-system has no UID");
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      const remedy = `${allowing("get namespaces")}, or give --cluster-id`;
      const why = isForbidden(error) ? `${error.message}; ${remedy}` : errorMessage(error);
      const retryMs = Math.round(backoff.next());
      logger.warn("cannot read the namespace kube-system", { why, retryMs });
      if (error instanceof KubeApiError) onRefused(why);
      await sleep(retryMs, signal);
    }
  }
}
