import type { Node } from "../../api/index.ts";
import { type Clock, sameData } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import {
  changedLabels,
  chooseNodes,
  looksTheSame,
  type NodeFacts,
  type NodeSet,
  type NodeWish,
  nodeFacts,
} from "../../model/index.ts";
import { Debounce } from "./debounce.ts";

/** So long after the start an empty list of nodes is not believed. */
const startupGraceMs = 60_000;
/** How many choices are remembered between two changes of nodes; almost all load balancers share one. */
const maxChoices = 1000;

/** What is new about nodes. */
export interface NodeChange {
  /** To every load balancer. */
  readonly forAll: boolean;
  /** To those whose selectors ask for one of these labels. */
  readonly labels: ReadonlySet<string>;
}

/** The nodes as load balancers see them. Each node is read once for each of its states, not for each reader. */
export class NodeView implements Disposable {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #onChange: (change: NodeChange) => void;
  readonly #facts = new Map<string, NodeFacts>();
  #sorted: readonly NodeFacts[] | undefined;
  readonly #choices = new Map<string, NodeSet>();
  #forAll = false;
  #labels = new Set<string>();
  readonly #later: Debounce;
  readonly #subscription: Disposable;

  /**
   * `onChange` is called once for many changes of nodes that load balancers care about. A taint or a node that is not
   * Ready is none: its health check takes it out of use without cutting its connections (KEP-3836).
   */
  constructor(nodes: Store<Node>, clock: Clock, onChange: (change: NodeChange) => void) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#onChange = onChange;
    this.#later = new Debounce(() => this.#tell(), clock);
    this.#subscription = nodes.subscribe({
      add: (node, initial) => {
        this.#set(nameOf(node), nodeFacts(node));
        if (!initial) this.#note(true);
      },
      update: (_, node) => this.#update(nameOf(node), nodeFacts(node)),
      delete: (node) => {
        this.#set(nameOf(node), undefined);
        this.#note(true);
      },
    });
  }

  /** The nodes that a load balancer may send to: the same set for the same wish until a node changes. */
  choose(wish: NodeWish): NodeSet {
    const key = JSON.stringify([wish.needs, wish.families, wish.selectors]);
    const known = this.#choices.get(key);
    if (known !== undefined) return known;
    this.#sorted ??= [...this.#facts.values()].sort((a, b) => (a.target.name < b.target.name ? -1 : 1));
    const chosen = chooseNodes(this.#sorted, wish);
    if (this.#choices.size >= maxChoices) this.#choices.clear();
    this.#choices.set(key, chosen);
    return chosen;
  }

  /**
   * How many milliseconds no load balancer that works may be emptied yet: nodes may not have registered again
   * (kubernetes#34866). Undefined once an empty list of nodes is believed.
   */
  get graceMs(): number | undefined {
    const left = this.#startedAt + startupGraceMs - this.#clock.monotonic();
    return left > 0 ? left : undefined;
  }

  #update(name: string, after: NodeFacts): void {
    const before = this.#facts.get(name);
    if (before === undefined || sameData(before, after)) return;
    this.#set(name, after);
    if (looksTheSame(before, after)) this.#note(false, changedLabels(before, after));
    else this.#note(true);
  }

  #set(name: string, facts: NodeFacts | undefined): void {
    if (facts === undefined) this.#facts.delete(name);
    else this.#facts.set(name, facts);
    this.#sorted = undefined;
    this.#choices.clear();
  }

  #note(forAll: boolean, labels: readonly string[] = []): void {
    if (!forAll && labels.length === 0) return;
    this.#forAll ||= forAll;
    for (const label of labels) this.#labels.add(label);
    this.#later.call();
  }

  #tell(): void {
    const change = { forAll: this.#forAll, labels: this.#labels };
    this.#forAll = false;
    this.#labels = new Set();
    this.#onChange(change);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#later[Symbol.dispose]();
  }
}

function nameOf({ metadata }: Node): string {
  return metadata.name ?? "";
}
