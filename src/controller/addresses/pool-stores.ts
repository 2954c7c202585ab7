import { type IPAddressPool, ipAddressPools, type Labels, type Namespace, namespaces } from "../../api/index.ts";
import { type Clock, isAbort, orAborted, type Random } from "../../base/index.ts";
import { type KubeClient, Reflector, Store } from "../../kube/index.ts";
import type { Logger, Metrics } from "../../telemetry/index.ts";

interface PoolStoresOptions {
  readonly client: Pick<KubeClient, "list" | "listAll" | "watch">;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where the pools of the API server are, and the labels of namespaces as soon as a pool chooses by them. */
export class PoolStores {
  readonly pools: Store<IPAddressPool>;
  readonly #namespaces: Store<Namespace>;
  readonly #common: PoolStoresOptions;

  constructor({ client, logger, metrics, clock, random }: PoolStoresOptions) {
    this.#common = { client, logger, metrics, clock, random };
    this.pools = new Store({ kind: ipAddressPools.kind, logger, metrics });
    this.#namespaces = new Store({ kind: namespaces.kind, logger, metrics });
  }

  /** Keeps the stores up to date until aborted. A server that does not know the kind has no pools. */
  async watch(signal: AbortSignal): Promise<void> {
    const pools = new Reflector({ ...this.#common, resource: ipAddressPools, store: this.pools, optional: true });
    await Promise.all([pools.run(signal), this.#watchNamespaces(signal)]);
  }

  /** Undefined when the namespace is not known yet. */
  labelsOf(namespace: string): Labels | undefined {
    const found = this.#namespaces.get(namespace);
    return found === undefined ? undefined : (found.metadata.labels ?? {});
  }

  onNamespaceChange(changed: () => void): Disposable {
    return this.#namespaces.subscribe({ add: changed, update: changed });
  }

  async #watchNamespaces(signal: AbortSignal): Promise<void> {
    try {
      await this.#namespacesMatter(signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      throw error;
    }
    await new Reflector({ ...this.#common, resource: namespaces, store: this.#namespaces }).run(signal);
  }

  async #namespacesMatter(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = ({ spec }: IPAddressPool): void => {
      if (spec.namespaceSelector !== undefined) resolve();
    };
    using _ = this.pools.subscribe({ add: look, update: (_before, after) => look(after) });
    await orAborted(promise, signal);
  }
}
