import type { Node } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import { eligibleNodes, looksTheSame, type NodeSet } from "../../model/index.ts";

/** So long must the nodes be quiet, and so long at most does a change wait. */
const quietMs = 1000;
const maxWaitMs = 10_000;
/** So long after the start an empty list of nodes is not believed. */
const startupGraceMs = 60_000;

/** The nodes as load balancers see them. */
export class NodeView {
  readonly #nodes: Store<Node>;
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor(nodes: Store<Node>, clock: Clock) {
    this.#nodes = nodes;
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
  }

  eligible(): NodeSet {
    return eligibleNodes(this.#nodes.list());
  }

  /**
   * How many milliseconds no load balancer that works may be emptied yet: nodes may not have registered again
   * (kubernetes#34866). Undefined once an empty list of nodes is believed.
   */
  get graceMs(): number | undefined {
    const left = this.#startedAt + startupGraceMs - this.#clock.monotonic();
    return left > 0 ? left : undefined;
  }

  /**
   * Calls `changed` once for many changes of nodes that load balancers care about. A taint or a node that is not
   * Ready is none: its health check takes it out of use without cutting its connections (KEP-3836).
   */
  onChange(changed: () => void): Disposable {
    const later = new Debounce(changed, this.#clock);
    const subscription = this.#nodes.subscribe({
      add: (_, initial) => {
        if (!initial) later.call();
      },
      update: (before, after) => {
        if (!looksTheSame(before, after)) later.call();
      },
      delete: () => later.call(),
    });
    return {
      [Symbol.dispose]() {
        subscription[Symbol.dispose]();
        later[Symbol.dispose]();
      },
    };
  }
}

/** One call for many that come soon after each other. */
class Debounce implements Disposable {
  readonly #run: () => void;
  readonly #clock: Clock;
  #timer: Disposable | undefined;
  #firstAt: number | undefined;

  constructor(run: () => void, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
  }

  call(): void {
    const now = this.#clock.monotonic();
    this.#firstAt ??= now;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.schedule(
      () => {
        this.#firstAt = undefined;
        this.#run();
      },
      Math.min(quietMs, this.#firstAt + maxWaitMs - now),
    );
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
