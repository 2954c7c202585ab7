import {
  endpointSlices,
  headlessLabel,
  type IPAddressPool,
  ipAddressPools,
  type LoadBalancerClass,
  type LoadBalancerRecord,
  leases,
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
import { sliceIndexes } from "./nodes/endpoint-nodes.ts";
import { Term } from "./term.ts";
import type { Stores, TermOptions } from "./term-options.ts";

/** What is at work when the controller has to end may take so long to end by itself. */
const graceMs = 1500;

/** Watches what it needs to know from the start; works on it while it leads. */
export class Controller {
  readonly #options: TermOptions;
  readonly #stores: Stores;

  constructor(options: TermOptions) {
    this.#options = options;
    const { logger, metrics, providers } = options;
    const needs = (what: "endpointNodes" | "agents"): boolean =>
      providers.some(({ capabilities }) => capabilities[what] === true);
    this.#stores = {
      services: new Store<Service>({ kind: services.kind, logger, metrics }),
      nodes: new Store<Node>({ kind: nodes.kind, logger, metrics }),
      classes: new Store<LoadBalancerClass>({ kind: loadBalancerClasses.kind, logger, metrics }),
      namespaces: new Store<Namespace>({ kind: namespaces.kind, logger, metrics }),
      pools: new Store<IPAddressPool>({ kind: ipAddressPools.kind, logger, metrics }),
      slices: needs("endpointNodes")
        ? new Store({ kind: endpointSlices.kind, logger, metrics, indexes: sliceIndexes })
        : undefined,
      agents: needs("agents") ? new Store({ kind: leases.kind, logger, metrics }) : undefined,
      records: new Store<LoadBalancerRecord>({ kind: loadBalancerRecords.kind, logger, metrics }),
    };
  }

  /** Whether the first state of everything that it needs to know is in; a standby is ready too. */
  get ready(): boolean {
    return this.#needed.every(({ hasSynced }) => hasSynced);
  }

  /** Keeps the stores up to date until aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    const stores = this.#stores;
    const { agentNamespace: namespace } = this.#options;
    const optional = true;
    const reflectors: { run(signal: AbortSignal): Promise<void> }[] = [
      this.#reflector(services, stores.services),
      this.#reflector(nodes, stores.nodes),
      this.#reflector(loadBalancerClasses, stores.classes, { optional }),
      this.#reflector(namespaces, stores.namespaces),
      this.#reflector(ipAddressPools, stores.pools, { optional }),
      this.#reflector(loadBalancerRecords, stores.records, { optional }),
    ];
    if (stores.slices !== undefined)
      reflectors.push(this.#reflector(endpointSlices, stores.slices, { labelSelector: `!${headlessLabel}` }));
    if (stores.agents !== undefined) reflectors.push(this.#reflector(leases, stores.agents, { namespace }));
    await Promise.all(reflectors.map((reflector) => reflector.run(signal)));
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
    return Object.values(needed).filter((store) => store !== undefined);
  }

  /** `optional`: all works without the kind. */
  #reflector<T extends KubeObject, I extends string>(
    resource: Resource<T>,
    store: Store<T, I>,
    how: { readonly namespace?: string; readonly labelSelector?: string; readonly optional?: boolean } = {},
  ): Reflector<T> {
    const { client, logger, metrics, clock, random } = this.#options;
    return new Reflector({ client, resource, store, ...how, logger, metrics, clock, random });
  }
}
