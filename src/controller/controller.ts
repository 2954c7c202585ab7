import {
  type LoadBalancerRecord,
  loadBalancerRecords,
  type Node,
  nodes,
  type Resource,
  type Service,
  services,
} from "../api/index.ts";
import { onAbort, orAborted } from "../base/index.ts";
import { type Fence, type KubeObject, Reflector, Store } from "../kube/index.ts";
import { Term, type TermOptions } from "./term.ts";

/** What is at work when the controller has to end may take so long to end by itself. */
const graceMs = 1500;

/** Watches Services and Nodes from the start; works on them while it leads. */
export class Controller {
  readonly #options: TermOptions;
  readonly #services: Store<Service>;
  readonly #nodes: Store<Node>;
  readonly #records: Store<LoadBalancerRecord>;

  constructor(options: TermOptions) {
    this.#options = options;
    const { logger, metrics } = options;
    this.#services = new Store({ kind: services.kind, logger, metrics });
    this.#nodes = new Store({ kind: nodes.kind, logger, metrics });
    this.#records = new Store({ kind: loadBalancerRecords.kind, logger, metrics });
  }

  /** Whether the first state of everything that it watches is in; a standby is ready too. */
  get ready(): boolean {
    return this.#services.hasSynced && this.#nodes.hasSynced;
  }

  /** Keeps the stores up to date until aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#reflector(services, this.#services).run(signal),
      this.#reflector(nodes, this.#nodes).run(signal),
      this.#reflector(loadBalancerRecords, this.#records, true).run(signal),
    ]);
  }

  /**
   * Works until `leading` aborts; then no further step is begun, and the one at hand gets a moment to end. `fence` is
   * asked before each step of a provider; what is written to the API server has its fence in the client.
   */
  async lead(leading: AbortSignal, fence: Fence): Promise<void> {
    const { logger, clock, workers } = this.#options;
    await orAborted(Promise.all([this.#services.synced, this.#nodes.synced]), leading);
    using term = new Term(
      this.#options,
      { services: this.#services, nodes: this.#nodes, records: this.#records },
      () => (leading.aborted ? "the controller is ending" : fence()),
    );
    await term.adopt(leading);
    logger.info("controller works", { count: this.#services.size });
    const end = new AbortController();
    using ending = new DisposableStack();
    ending.use(
      onAbort(leading, () => {
        ending.use(clock.schedule(() => end.abort(leading.reason), graceMs));
      }),
    );
    await term.run(workers, leading, end.signal);
  }

  /** `optional`: all works without the kind. */
  #reflector<T extends KubeObject>(resource: Resource<T>, store: Store<T>, optional = false): Reflector<T> {
    const { client, logger, metrics, clock, random } = this.#options;
    return new Reflector({ client, resource, store, optional, logger, metrics, clock, random });
  }
}
