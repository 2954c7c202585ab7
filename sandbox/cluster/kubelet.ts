import { objectKey, type Pod, pods as podResource, resourcePath } from "../../src/api/index.ts";
import type { Clock } from "../../src/base/index.ts";
import { isNotFound, type KubeClient, mergeDiff, type Store } from "../../src/kube/index.ts";
import type { Logger } from "../../src/telemetry/index.ts";
import type { NodePlan } from "./address-plan.ts";
import { timestamp } from "./objects.ts";
import { type PodFacts, type PodStatus, podStatus } from "./pod-status.ts";

/** Makes pods real. */
export interface Runner {
  run(pod: Pod, node: NodePlan, signal: AbortSignal): Promise<RunningPod>;
}

export interface RunningPod {
  readonly uid: string;
  /** Starts what does not run, unless the pod is to end, and says how things are. */
  look(signal: AbortSignal): Promise<PodFacts>;
  /** Asks the containers to end, and makes them when the grace time is over. True: nothing runs any more. */
  terminate(graceMs: number): boolean;
  /** Ends what still runs and takes everything away. */
  remove(): Promise<void>;
}

export interface KubeletOptions {
  readonly client: Pick<KubeClient, "patch" | "request">;
  readonly pods: Store<Pod, string>;
  readonly nodes: readonly NodePlan[];
  readonly runner: Runner;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often a pod is looked at: while something is on its way, and in peace. */
const busyMs = 25;
const idleMs = 1_000;
const defaultGraceSeconds = 30;

/**
 * Stands in for the kubelets of all nodes: a Pod object that is bound to a node becomes a namespace with an echo
 * server, and what becomes of it is written to its status.
 */
export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #running = new Map<string, RunningPod>();

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  /** Brings one pod, by `namespace/name`, a step nearer to what its object says. */
  async reconcile(key: string, signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    const pod = this.#options.pods.get(key);
    const running = this.#running.get(key);
    if (running !== undefined && running.uid !== pod?.metadata.uid) await this.#remove(key, running);
    const node = this.#options.nodes.find(({ name }) => name === pod?.spec?.nodeName);
    if (pod === undefined || node === undefined) return undefined;
    if (pod.metadata.deletionTimestamp !== undefined) return await this.#terminate(key, pod, signal);
    const current = this.#running.get(key) ?? (await this.#options.runner.run(pod, node, signal));
    this.#running.set(key, current);
    const settled = await this.#report(pod, current, signal);
    return { requeueAfterMs: settled ? idleMs : busyMs };
  }

  /** SIGTERM, the grace time, SIGKILL; the object goes when the pod is gone. */
  async #terminate(key: string, pod: Pod, signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    const running = this.#running.get(key);
    if (running !== undefined) {
      const seconds = pod.metadata.deletionGracePeriodSeconds ?? defaultGraceSeconds;
      if (!running.terminate(seconds * 1000)) {
        await this.#report(pod, running, signal);
        return { requeueAfterMs: busyMs };
      }
      await this.#remove(key, running);
    }
    await forgetPod(this.#options.client, pod, signal);
    return undefined;
  }

  async #remove(key: string, running: RunningPod): Promise<void> {
    await running.remove();
    this.#running.delete(key);
  }

  /** Writes the status when it has changed; says whether the pod is as it should be. */
  async #report(pod: Pod, running: RunningPod, signal: AbortSignal): Promise<boolean> {
    const facts = await running.look(signal);
    const status = podStatus(pod.status, facts, timestamp(this.#options.clock.now()));
    // What others say in the status stays.
    const news = mergeDiff(pod.status ?? {}, { ...pod.status, ...status });
    if (news !== undefined) await this.#write(pod, status, signal);
    return facts.containers.every(({ ready, waiting }) => ready || waiting !== undefined);
  }

  async #write({ metadata }: Pod, status: PodStatus, signal: AbortSignal): Promise<void> {
    const { namespace, name = "", uid } = metadata;
    const at = { namespace, name, subresource: "status" };
    const { client, pods, logger } = this.#options;
    const written = await client.patch(podResource, at, { type: "merge", body: { metadata: { uid }, status } }, signal);
    pods.overlay(written);
    const ready = status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
    logger.info("pod status", {
      pod: objectKey(metadata),
      address: status.podIP ?? "",
      what: ready ? "ready" : "not ready",
    });
  }
}

/** Takes the object of a pod that has ended away, as only its kubelet may: without another grace time. */
export async function forgetPod(
  client: Pick<KubeClient, "request">,
  { metadata }: Pod,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = "", uid } = metadata;
  const body = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid } };
  try {
    await client.request({ method: "DELETE", path: resourcePath(podResource, { namespace, name }), body, signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
