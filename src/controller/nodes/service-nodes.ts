import { annotations, type LabelSelector, type Node } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import { asksFor, type DesiredLoadBalancer, type NodeSet, targetSubset, withoutTargets } from "../../model/index.ts";
import type { Capabilities, Issue } from "../../provider/index.ts";
import { EndpointNodes, type SliceStore } from "./endpoint-nodes.ts";
import { type NodeChange, NodeView } from "./node-view.ts";

export interface ServiceNodesOptions {
  readonly nodes: Store<Node>;
  /** Undefined when no provider asks where endpoints are. */
  readonly slices: SliceStore | undefined;
  /** Called with the key of a Service whose nodes may have changed. */
  readonly onChange: (service: string) => void;
  readonly clock: Clock;
}

export interface NodeChoice {
  readonly nodes: NodeSet;
  /** What is lost by it. */
  readonly issues: readonly Issue[];
}

/** The nodes that each Service's load balancer sends to. */
export class ServiceNodes implements Disposable {
  readonly #view: NodeView;
  readonly #endpoints: EndpointNodes | undefined;
  readonly #onChange: (service: string) => void;
  /** By the key of each Service that has a choice. */
  readonly #selectors = new Map<string, readonly LabelSelector[]>();

  constructor({ nodes, slices, onChange, clock }: ServiceNodesOptions) {
    this.#view = new NodeView(nodes, clock, (change) => this.#requeue(change));
    this.#endpoints = slices && new EndpointNodes(slices, onChange);
    this.#onChange = onChange;
  }

  /** From now on, and until it is forgotten, the Service is named when this may have changed. */
  choose(
    service: string,
    lb: DesiredLoadBalancer,
    selectors: readonly LabelSelector[],
    { needs, endpointNodes = false, maxTargets }: Capabilities,
  ): NodeChoice {
    this.#selectors.set(service, selectors);
    const all = this.#view.choose({ families: lb.families, needs, selectors });
    const nodes = endpointNodes && lb.externalTrafficPolicy === "Local" ? this.#withEndpoints(service, all) : all;
    if (maxTargets === undefined || nodes.targets.length <= maxTargets) return { nodes, issues: [] };
    const targets = targetSubset(nodes.targets, maxTargets, lb.id.uid);
    return { nodes: { ...nodes, targets }, issues: [tooMany(maxTargets)] };
  }

  forget(service: string): void {
    this.#selectors.delete(service);
    this.#endpoints?.forget(service);
  }

  /** So long no load balancer that works may be emptied yet, in milliseconds. */
  get graceMs(): number | undefined {
    return this.#view.graceMs;
  }

  #withEndpoints(service: string, all: NodeSet): NodeSet {
    const there = this.#endpoints?.of(service);
    return withoutTargets(all, ({ name }) => (there?.has(name) === true ? undefined : "its lack of ready endpoints"));
  }

  #requeue({ forAll, labels }: NodeChange): void {
    for (const [service, selectors] of this.#selectors)
      if (forAll || selectors.some((selector) => asksFor(selector, labels))) this.#onChange(service);
  }

  [Symbol.dispose](): void {
    this.#view[Symbol.dispose]();
    this.#endpoints?.[Symbol.dispose]();
  }
}

/** Without the number that there are, so that a node more or less is no write to the API. */
function tooMany(maxTargets: number): Issue {
  return {
    path: "nodes",
    severity: "degrade",
    reason: "TooManyNodes",
    message: `this load balancer sends to ${maxTargets} nodes at most, a part of those that it could send to, evenly from each zone; narrow the choice by ${annotations.nodeSelector}`,
  };
}
