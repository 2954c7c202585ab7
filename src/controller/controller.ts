import {
  type IPAddressPool,
  ipAddressPools,
  type LoadBalancerClass,
  type LoadBalancerRecord,
  loadBalancerClasses,
  loadBalancerRecords,
  type Namespace,
  type Node,
  namespaces,
  nodes,
  type Resource,
  type Service,
  services,
} from "../api/index.ts";
import { onAbort, orAborted } from "../base/index.ts";
import { type Fence, type KubeObject, Reflector, Store } from "../kube/index.ts";
import { type Stores, Term, type TermOptions } from "./term.ts";

/** What is at work when the controller has to end may take so long to end by itself. */
const graceMs = 1500;

/** Watches what it needs to know from the start; works on it while it leads. */
export class Controller {
  readonly #options: TermOptions;
  readonly #stores: Stores;

  constructor(options: TermOptions) {
    this.#options = options;
    const { logger, metrics } = options;
    this.#stores = {
      services: new Store<Service>({ kind: services.kind, logger, metrics }),
      nodes: new Store<Node>({ kind: nodes.kind, logger, metrics }),
      classes: new Store<LoadBalancerClass>({ kind: loadBalancerClasses.kind, logger, metrics }),
      namespaces: new Store<Namespace>({ kind: namespaces.kind, logger, metrics }),
      pools: new Store<IPAddressPool>({ kind: ipAddressPools.kind, logger, metrics }),
      records: new Store<LoadBalancerRecord>({ kind: loadBalancerRecords.kind, logger, metrics }),
    };
  }

  /** Whether the first state of everything that it needs to know is in; a standby is ready too. */
  get ready(): boolean {
    return this.#needed.every(({ hasSynced }) => hasSynced);
  }

  /** Keeps the stores up to date until aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#reflect(services, this.#stores.services, signal),
      this.#reflect(nodes, this.#stores.nodes, signal),
      this.#reflect(loadBalancerClasses, this.#stores.classes, signal, true),
      this.#reflect(namespaces, this.#stores.namespaces, signal),
      this.#reflect(ipAddressPools, this.#stores.pools, signal, true),
      this.#reflect(loadBalancerRecords, this.#stores.records, signal, true),
    ]);
  }

  /**
   * Works until `leading` aborts; then no further step is begun, and the one at hand gets a moment to end. `fence` is
   * asked before each step of a provider; what is written to the API server has its fence in the client.
   */
  async lead(leading: AbortSignal, fence: Fence): Promise<void> {
    const { logger, clock, workers } = this.#options;
    await orAborted(Promise.all(this.#needed.map(({ synced }) => synced)), leading);
    using term = new Term(this.#options, this.#stores, () => (leading.aborted ? "the controller is ending" : fence()));
    await term.adopt(leading);
    logger.info("controller works", { count: this.#stores.services.size });
    const end = new AbortController();
    using ending = new DisposableStack();
    ending.use(
      onAbort(leading, () => {
        ending.use(clock.schedule(() => end.abort(leading.reason), graceMs));
      }),
    );
    await term.run(workers, leading, end.signal);
  }

  /** All but Records, by which nothing is decided: what keeps us from seeing them is in nobody's way. */
  get #needed(): readonly Pick<Stores["services"], "synced" | "hasSynced">[] {
    const { records: _, ...needed } = this.#stores;
    return Object.values(needed);
  }

  /** `optional`: all works without the kind. */
  async #reflect<T extends KubeObject>(
    resource: Resource<T>,
    store: Store<T>,
    signal: AbortSignal,
    optional = false,
  ): Promise<void> {
    const { client, logger, metrics, clock, random } = this.#options;
    await new Reflector({ client, resource, store, optional, logger, metrics, clock, random }).run(signal);
  }
}
