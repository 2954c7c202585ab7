import {
  deployments,
  endpointSlices,
  objectKey,
  type Pod,
  pods,
  replicaSets,
  resourcePath,
  type Service,
  zoneLabel,
} from "../../src/api/index.ts";
import type { Clock } from "../../src/base/index.ts";
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
  type KubeObject,
  mergeDiff,
  type StoreHandler,
  type Work,
  WorkQueue,
} from "../../src/kube/index.ts";
import type { Logger, Metrics } from "../../src/telemetry/index.ts";
import { planSlices } from "./endpoint-slices.ts";
import { forgetPod, type Kubelet } from "./kubelet.ts";
import { controllerKey, labelsMatch, sliceService, timestamp } from "./objects.ts";
import { chooseNode } from "./scheduler.ts";
import { type ClusterState, untilSeen } from "./state.ts";
import { deploymentConditions, planDeployment, planReplicaSet, podOf } from "./workloads.ts";

export interface LoopsOptions {
  readonly client: KubeClient;
  readonly state: ClusterState;
  readonly kubelet: Kubelet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** So many keys at a time: pods start side by side, but are placed one after the other. */
const workers = { slices: 4, deployments: 2, replicaSets: 2, scheduler: 1, kubelet: 8 } as const;
/** Somebody else wrote first: look again once the watch has told what. */
const raceMs = 10;

/**
 * The rest of a control plane, as far as Services need it: Deployments and ReplicaSets become Pods, Pods get a node
 * and run there, Services get EndpointSlices.
 */
export class Loops {
  readonly #options: LoopsOptions;

  constructor(options: LoopsOptions) {
    this.#options = options;
  }

  /** Works until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { state, kubelet } = this.#options;
    const slices = this.#queue("slices");
    const sets = this.#queue("replicasets");
    const deploys = this.#queue("deployments");
    const unbound = this.#queue("scheduler");
    const bound = this.#queue("kubelet");

    state.services.subscribe(each((service) => slices.add(objectKey(service.metadata))));
    state.slices.subscribe(each((slice) => addAll(slices, sliceService(slice))));
    state.deployments.subscribe(each((deployment) => deploys.add(objectKey(deployment.metadata))));
    state.replicaSets.subscribe(
      each((set) => {
        sets.add(objectKey(set.metadata));
        addAll(deploys, controllerKey(set, "Deployment"));
      }),
    );
    state.pods.subscribe(
      each((pod) => {
        for (const { metadata } of this.#servicesOf(pod)) slices.add(objectKey(metadata));
        addAll(sets, controllerKey(pod, "ReplicaSet"));
        (pod.spec?.nodeName === undefined ? unbound : bound).add(objectKey(pod.metadata));
      }),
    );
    state.nodes.subscribe(
      each(() => {
        for (const pod of state.pods.list()) if (pod.spec?.nodeName === undefined) unbound.add(objectKey(pod.metadata));
        for (const service of state.services.list()) slices.add(objectKey(service.metadata));
      }),
    );
    if (!(await state.synced(signal))) return;
    const run = (queue: WorkQueue, count: number, work: Work): Promise<void> =>
      queue.run(count, forgiving(work), signal);
    await Promise.all([
      run(slices, workers.slices, (key, s) => this.#slices(key, s)),
      run(deploys, workers.deployments, (key, s) => this.#deployment(key, s)),
      run(sets, workers.replicaSets, (key, s) => this.#replicaSet(key, s)),
      run(unbound, workers.scheduler, (key, s) => this.#bind(key, s)),
      run(bound, workers.kubelet, (key, s) => kubelet.reconcile(key, s)),
    ]);
  }

  #queue(name: string): WorkQueue {
    const { clock, logger, metrics } = this.#options;
    return new WorkQueue({ name, clock, logger, metrics });
  }

  #servicesOf(pod: Pod): Service[] {
    return this.#options.state.services.list().filter(({ metadata, spec }) => {
      const selects = spec?.selector !== undefined && labelsMatch(spec.selector, pod.metadata.labels);
      return selects && metadata.namespace === pod.metadata.namespace;
    });
  }

  async #slices(key: string, signal: AbortSignal): Promise<void> {
    const { client, state } = this.#options;
    const service = state.services.get(key);
    if (service === undefined) return;
    const { namespace = "" } = service.metadata;
    const { create, update, remove } = planSlices(
      service,
      state.pods.byIndex("namespace", namespace),
      state.slices.byIndex("service", key),
      (node) => state.nodes.get(node)?.metadata.labels?.[zoneLabel],
    );
    for (const slice of create) await client.create(endpointSlices, slice, signal);
    for (const { slice, patch } of update)
      state.slices.overlay(await client.mergePatch(endpointSlices, slice, patch, signal));
    for (const name of remove) await client.delete(endpointSlices, { namespace, name }, signal);
    for (const { metadata } of create)
      await untilSeen(state.slices, objectKey(metadata), (slice) => slice !== undefined, signal);
  }

  async #deployment(key: string, signal: AbortSignal): Promise<void> {
    const { client, state, clock } = this.#options;
    const deployment = state.deployments.get(key);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const { namespace } = deployment.metadata;
    const plan = planDeployment(deployment, state.replicaSets.byIndex("owner", key));
    const conditions = deploymentConditions(deployment.status?.conditions, plan, timestamp(clock.now()));
    const status = mergeDiff(deployment.status ?? {}, { ...deployment.status, ...plan.status, conditions });
    if (status !== undefined)
      state.deployments.overlay(
        await client.mergePatch(deployments, deployment, { status }, signal, { subresource: "status" }),
      );
    for (const [name, replicas] of plan.scale) {
      const set = state.replicaSets.get(`${namespace ?? ""}/${name}`);
      if (set !== undefined)
        state.replicaSets.overlay(await client.mergePatch(replicaSets, set, { spec: { replicas } }, signal));
    }
    for (const name of plan.remove) await client.delete(replicaSets, { namespace, name }, signal);
    if (plan.create === undefined) return;
    const { metadata } = await client.create(replicaSets, plan.create, signal);
    await untilSeen(state.replicaSets, objectKey(metadata), (set) => set !== undefined, signal);
  }

  async #replicaSet(key: string, signal: AbortSignal): Promise<void> {
    const { client, state } = this.#options;
    const set = state.replicaSets.get(key);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
    const { namespace } = set.metadata;
    const plan = planReplicaSet(set, state.pods.byIndex("owner", key));
    const status = mergeDiff(set.status ?? {}, { ...set.status, ...plan.status });
    if (status !== undefined)
      state.replicaSets.overlay(
        await client.mergePatch(replicaSets, set, { status }, signal, { subresource: "status" }),
      );
    const made = Array.from({ length: plan.create }, () => client.create(pods, podOf(set), signal));
    const created = (await Promise.all(made)).map(({ metadata }) => objectKey(metadata));
    await Promise.all(plan.remove.map((name) => client.delete(pods, { namespace, name }, signal)));
    const removed = plan.remove.map((name) => `${namespace ?? ""}/${name}`);
    // Either the pod that was made, or its end when that came first.
    await Promise.all([
      ...created.map((name) => untilSeen(state.pods, name, (pod) => pod !== undefined, signal)),
      ...removed.map((name) =>
        untilSeen(
          state.pods,
          name,
          (pod) => pod?.metadata.deletionTimestamp !== undefined || pod === undefined,
          signal,
        ),
      ),
    ]);
  }

  async #bind(key: string, signal: AbortSignal): Promise<void> {
    const { client, state } = this.#options;
    const pod = state.pods.get(key);
    if (pod === undefined || pod.spec?.nodeName !== undefined) return;
    const { namespace, name = "", uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      // No kubelet will ever end it.
      await forgetPod(client, pod, signal);
      return;
    }
    const node = chooseNode(pod, state.nodes.list(), state.pods.list());
    if (node === undefined) return;
    await client.request({
      method: "POST",
      path: resourcePath(pods, { namespace, name, subresource: "binding" }),
      body: {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name, uid },
        target: { apiVersion: "v1", kind: "Node", name: node },
      },
      signal,
    });
    // The next choice counts this pod.
    await untilSeen(state.pods, key, (object) => object?.spec?.nodeName !== undefined || object === undefined, signal);
  }
}

/** Calls back with the object as it is and, when it changed, as it was: both may concern somebody. */
function each<T extends KubeObject>(visit: (object: T) => void): StoreHandler<T> {
  return {
    add: visit,
    update(before, after) {
      visit(before);
      visit(after);
    },
    delete: visit,
  };
}

function addAll(queue: WorkQueue, keys: readonly string[]): void {
  for (const key of keys) queue.add(key);
}

/** A race with another writer is no failure: the work runs again on what the watch brings. */
function forgiving(work: Work): Work {
  return async (key, signal) => {
    try {
      return await work(key, signal);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error) && !isAlreadyExists(error)) throw error;
      return { requeueAfterMs: raceMs };
    }
  };
}
