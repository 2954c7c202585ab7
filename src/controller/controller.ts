import { onAbort, orAborted } from "../base/index.ts";
import type { Fence } from "../kube/index.ts";
import { describeState } from "./debug-state.ts";
import { type ControllerMetrics, controllerMetrics } from "./metrics.ts";
import { Mirror, type Missing } from "./mirror.ts";
import { Term } from "./term.ts";
import type { TermOptions } from "./term-options.ts";

/** What is at work when the controller has to end may take so long to end by itself. */
const graceMs = 1500;

/** Watches what it needs to know from the start; works on it while it leads. */
export class Controller {
  readonly #options: TermOptions;
  readonly #mirror: Mirror;
  readonly #counts: ControllerMetrics;
  #term: Term | undefined;

  constructor(options: TermOptions) {
    this.#options = options;
    this.#mirror = new Mirror(options);
    this.#counts = controllerMetrics(options.metrics);
  }

  /** What it needs to know and does not yet; a standby that knows all is ready too. */
  get missing(): readonly Missing[] {
    return this.#mirror.missing;
  }

  /** Where the classes are left: what is not given up yet, a text for each; none once nothing of ours is left. */
  get remains(): readonly string[] {
    const missing = this.missing.map(({ kind, why = "not known yet" }) => `${kind}: ${why}`);
    if (missing.length > 0) return missing;
    return this.#term?.remains ?? ["what there is at providers is not known yet"];
  }

  /** What it believes, for people; takes the query of the page. */
  state(query: URLSearchParams): object {
    return describeState({ options: this.#options, mirror: this.#mirror, parts: this.#term?.parts }, query);
  }

  /** Keeps up to date what it knows, until aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    await this.#mirror.run(signal);
  }

  /**
   * Works until `leading` aborts; then no further step is begun, and the one at hand gets a moment to end. `fence` is
   * asked before each step of a provider; what is written to the API server has its fence in the client.
   */
  async lead(leading: AbortSignal, fence: Fence): Promise<void> {
    const { logger, clock, workers } = this.#options;
    await orAborted(this.#mirror.synced, leading);
    const { stores } = this.#mirror;
    const mayWrite = (): string | undefined => (leading.aborted ? "the controller is ending" : fence());
    using term = new Term(this.#options, stores, this.#counts, mayWrite);
    using ending = new DisposableStack();
    ending.defer(() => {
      this.#term = undefined;
    });
    this.#term = term;
    await term.adopt(leading);
    logger.info("controller works", { count: stores.services.size });
    const end = new AbortController();
    ending.use(
      onAbort(leading, () => {
        ending.use(clock.schedule(() => end.abort(leading.reason), graceMs));
      }),
    );
    await term.run(workers, leading, end.signal);
  }
}
