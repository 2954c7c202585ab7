import {
  type EndpointSlice,
  endpointSlices,
  headlessLabel,
  type Node,
  nodes,
  objectKey,
  type Service,
  serviceNameLabel,
  serviceProxyNameLabel,
  services,
} from "../api/index.ts";
import { type KubeClient, Reflector, Store } from "../kube/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";

/** The cluster as a node's rules depend on it. */
export interface ClusterState {
  serviceKeys(): readonly string[];
  service(key: string): Service | undefined;
  slices(serviceKey: string): readonly EndpointSlice[];
  /** The Node object of this node. */
  node(): Node | undefined;
}

/** Which slice changed, and how. */
export interface SliceChange {
  readonly name: string;
  /** `IPv4`, `IPv6`, `FQDN`. */
  readonly addressType: string;
  readonly isDeleted: boolean;
}

/** Who wants to know what changed. */
export interface ClusterListener {
  serviceChanged(key: string): void;
  /** `changedAt`: when the pod changed, in milliseconds since the epoch, if the slice says so. */
  endpointsChanged(serviceKey: string, changedAt: number | undefined, slice?: SliceChange): void;
  nodeChanged(): void;
}

/** The part of an API client that mirroring takes. */
export type ClusterSource = Pick<KubeClient, "list" | "listAll" | "watch">;

/** Set by the slice controller to the time of the pod change that a slice follows. */
const changedAtAnnotation = "endpoints.kubernetes.io/last-change-trigger-time";

/** Mirrors Services, slices and one Node from an API server. */
export class WatchedCluster implements ClusterState {
  readonly #nodeName: string;
  readonly #serviceSelector: string;
  readonly #services: Store<Service>;
  readonly #slices: Store<EndpointSlice, "service">;
  readonly #nodes: Store<Node>;

  /** `proxyName`: that of the Services to be served; undefined: those that name no proxy. */
  constructor(nodeName: string, logger: Logger, metrics: Metrics, proxyName?: string) {
    this.#nodeName = nodeName;
    this.#serviceSelector =
      proxyName === undefined ? `!${serviceProxyNameLabel}` : `${serviceProxyNameLabel}=${proxyName}`;
    this.#services = new Store({ kind: services.kind, logger, metrics });
    const service = (slice: EndpointSlice): readonly string[] => [serviceKeyOf(slice)];
    this.#slices = new Store({ kind: endpointSlices.kind, logger, metrics, indexes: { service } });
    this.#nodes = new Store({ kind: nodes.kind, logger, metrics });
  }

  serviceKeys(): readonly string[] {
    return this.#services.list().map(({ metadata }) => objectKey(metadata));
  }

  service(key: string): Service | undefined {
    return this.#services.get(key);
  }

  slices(serviceKey: string): readonly EndpointSlice[] {
    return this.#slices.byIndex("service", serviceKey);
  }

  node(): Node | undefined {
    return this.#nodes.get(this.#nodeName);
  }

  /** Resolves when the first full state of every kind is in. */
  async synced(): Promise<void> {
    await Promise.all([this.#services.synced, this.#slices.synced, this.#nodes.synced]);
  }

  subscribe(listener: ClusterListener): Disposable {
    const stack = new DisposableStack();
    const service = ({ metadata }: Service): void => listener.serviceChanged(objectKey(metadata));
    const slice = (after: EndpointSlice, before: EndpointSlice | undefined, isDeleted = false): void => {
      const text = after.metadata.annotations?.[changedAtAnnotation];
      const isNew = text !== undefined && text !== before?.metadata.annotations?.[changedAtAnnotation];
      const change = { name: after.metadata.name ?? "", addressType: after.addressType, isDeleted };
      listener.endpointsChanged(serviceKeyOf(after), isNew ? readTime(text) : undefined, change);
    };
    stack.use(this.#services.subscribe({ add: service, update: (_, after) => service(after), delete: service }));
    stack.use(
      this.#slices.subscribe({
        add: (added, initial) => slice(added, initial ? added : undefined),
        update(before, after) {
          if (serviceKeyOf(before) !== serviceKeyOf(after)) slice(before, before, true);
          slice(after, before);
        },
        delete: (last) => slice(last, last, true),
      }),
    );
    stack.use(this.onNode(() => listener.nodeChanged()));
    return stack;
  }

  /** Calls back when the Node object comes, changes or goes. */
  onNode(listener: () => void): Disposable {
    return this.#nodes.subscribe({ add: () => listener(), update: () => listener(), delete: () => listener() });
  }

  /** Keeps the mirror up to date until aborted. */
  async watch(client: ClusterSource, logger: Logger, metrics: Metrics, signal: AbortSignal): Promise<void> {
    const shared = { client, logger, metrics };
    const reflectors = [
      new Reflector({
        ...shared,
        resource: services,
        store: this.#services,
        labelSelector: this.#serviceSelector,
        // As kube-proxy: headless Services are for DNS alone.
        fieldSelector: "spec.clusterIP!=None",
      }),
      new Reflector({ ...shared, resource: endpointSlices, store: this.#slices, labelSelector: `!${headlessLabel}` }),
      new Reflector({
        ...shared,
        resource: nodes,
        store: this.#nodes,
        fieldSelector: `metadata.name=${this.#nodeName}`,
      }),
    ];
    await Promise.all(reflectors.map((reflector) => reflector.run(signal)));
  }
}

function serviceKeyOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace ?? ""}/${metadata.labels?.[serviceNameLabel] ?? ""}`;
}

/** Undefined for what is no time: anybody may write annotations. */
function readTime(text: string): number | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
