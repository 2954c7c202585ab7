import {
  type Deployment,
  deployments,
  type EndpointSlice,
  endpointSlices,
  type Node,
  nodes,
  objectKey,
  type Pod,
  pods,
  type ReplicaSet,
  type Resource,
  replicaSets,
  type Service,
  services,
} from "../../src/api/index.ts";
import { type Clock, onAbort, withTimeout } from "../../src/base/index.ts";
import { type KubeClient, type KubeObject, Reflector, Store } from "../../src/kube/index.ts";
import type { Logger, Metrics } from "../../src/telemetry/index.ts";
import { controllerKey, sliceService } from "./objects.ts";

export interface StateOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What the cluster's control loops know: one store per kind, kept equal to the API server's state. */
export class ClusterState {
  readonly services: Store<Service>;
  readonly nodes: Store<Node>;
  readonly deployments: Store<Deployment>;
  /** `owner`: the key of the Deployment. */
  readonly replicaSets: Store<ReplicaSet, "owner">;
  /** `owner`: the key of the ReplicaSet. */
  readonly pods: Store<Pod, "owner" | "namespace">;
  readonly slices: Store<EndpointSlice, "service">;
  readonly #options: StateOptions;

  constructor(options: StateOptions) {
    this.#options = options;
    const { logger, metrics } = options;
    const common = { logger, metrics };
    this.services = new Store({ kind: "Service", ...common });
    this.nodes = new Store({ kind: "Node", ...common });
    this.deployments = new Store({ kind: "Deployment", ...common });
    this.replicaSets = new Store({
      kind: "ReplicaSet",
      ...common,
      indexes: { owner: (set) => controllerKey(set, "Deployment") },
    });
    this.pods = new Store({
      kind: "Pod",
      ...common,
      indexes: {
        owner: (pod) => controllerKey(pod, "ReplicaSet"),
        namespace: ({ metadata }) => [metadata.namespace ?? ""],
      },
    });
    this.slices = new Store({
      kind: "EndpointSlice",
      ...common,
      indexes: { service: sliceService },
    });
  }

  /** Keeps the stores up to date until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#reflect(services, this.services, signal),
      this.#reflect(nodes, this.nodes, signal),
      this.#reflect(deployments, this.deployments, signal),
      this.#reflect(replicaSets, this.replicaSets, signal),
      this.#reflect(pods, this.pods, signal),
      this.#reflect(endpointSlices, this.slices, signal),
    ]);
  }

  /** Waits until every store has its first full state; false when aborted before. */
  async synced(signal: AbortSignal): Promise<boolean> {
    const stores = [this.services, this.nodes, this.deployments, this.replicaSets, this.pods, this.slices];
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    using _listener = onAbort(signal, resolve);
    await Promise.race([Promise.all(stores.map((store) => store.synced)), aborted]);
    return !signal.aborted;
  }

  async #reflect<T extends KubeObject>(
    resource: Resource<T>,
    store: Store<T, string>,
    signal: AbortSignal,
  ): Promise<void> {
    await new Reflector({ ...this.#options, resource, store }).run(signal);
  }
}

const seenWithinMs = 10_000;

/**
 * Waits until the store shows an own write that its answer could not tell it, as a creation or a binding: a loop
 * that decides again before would do the same thing twice.
 */
export async function untilSeen<T extends KubeObject>(
  store: Store<T, string>,
  key: string,
  seen: (object: T | undefined) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using limit = withTimeout(signal, seenWithinMs, `waiting to see the write of ${key}`);
  using _listener = onAbort(limit.signal, () => reject(limit.signal.reason));
  const look = (object: KubeObject): void => {
    if (objectKey(object.metadata) === key && seen(store.get(key))) resolve();
  };
  using _subscription = store.subscribe({ add: look, update: look, delete: look });
  if (seen(store.get(key))) resolve();
  await promise;
}
