import {
  annotations,
  excludeNodeLabel,
  type LabelSelector,
  type Lease,
  type Node,
  objectKey,
  type Service,
} from "../../api/index.ts";
import { type Clock, firstFew } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import {
  asksFor,
  type DesiredLoadBalancer,
  type NodeSet,
  type NodeTarget,
  type NodeWish,
  type ReportedLoss,
  targetSubset,
  withoutProviderId,
  withoutTargets,
  withServingAddresses,
} from "../../model/index.ts";
import { formatIp } from "../../net/index.ts";
import type { Capabilities, Issue } from "../../provider/index.ts";
import type { Finding } from "../status/conditions.ts";
import { AgentView } from "./agent-view.ts";
import { Debounce } from "./debounce.ts";
import { EndpointNodes, type SliceStore } from "./endpoint-nodes.ts";
import { NodeClaims } from "./node-claims.ts";
import { type NodeChange, NodeView } from "./node-view.ts";

/**
 * What a node without a living agent is to load balancers that depend on agents: left out, unless no node has one; or
 * taken, as another proxy serves there.
 */
export type NodesWithoutAgent = "Exclude" | "Include";

export interface ServiceNodesOptions {
  readonly nodes: Store<Node>;
  /** Undefined when no provider asks where endpoints are. */
  readonly slices: SliceStore | undefined;
  /** Undefined when no provider depends on agents. */
  readonly agents: Store<Lease> | undefined;
  readonly nodesWithoutAgent: NodesWithoutAgent;
  /** Called with the key of a Service whose nodes may have changed. */
  readonly onChange: (service: string) => void;
  readonly clock: Clock;
}

/** What a Service's load balancer wants of nodes. */
export interface NodeRequest {
  readonly service: Service;
  readonly lb: DesiredLoadBalancer;
  /** Each must select a node. */
  readonly selectors: readonly LabelSelector[];
  readonly capabilities: Capabilities;
}

export interface NodeChoice {
  readonly nodes: NodeSet;
  /** What is lost by it. */
  readonly issues: readonly Issue[];
  /** Other Services have all that there is. */
  readonly blocked?: Finding;
}

/** The nodes that each Service's load balancer sends to. */
export class ServiceNodes implements Disposable {
  readonly #view: NodeView;
  readonly #endpoints: EndpointNodes | undefined;
  readonly #agents: AgentView | undefined;
  readonly #nodesWithoutAgent: NodesWithoutAgent;
  readonly #agentsLater: Debounce;
  readonly #claims = new NodeClaims();
  /** Of the sets that many Services have in common; one set is of one list of families. */
  readonly #serving = new WeakMap<NodeSet, NodeSet>();
  readonly #onChange: (service: string) => void;
  /** Addresses that Services had at the start. */
  readonly #listed = new Set<string>();
  /** By the key of each Service that has a choice. */
  readonly #requests = new Map<string, NodeRequest>();

  constructor({ nodes, slices, agents, nodesWithoutAgent, onChange, clock }: ServiceNodesOptions) {
    this.#onChange = onChange;
    this.#view = new NodeView(nodes, clock, (change) => this.#nodesChanged(change));
    this.#endpoints = slices && new EndpointNodes(slices, (service) => this.#requeue([service]));
    this.#agentsLater = new Debounce(() => this.#agentsChanged(), clock);
    const listener = {
      stateChanged: () => this.#agentsLater.call(),
      reportChanged: (service: string) => {
        if (this.#requests.has(service)) onChange(service);
      },
    };
    this.#agents = agents && new AgentView(agents, listener, clock);
    this.#nodesWithoutAgent = nodesWithoutAgent;
  }

  /** What statuses say, before any choice is made. */
  adopt(services: readonly Service[]): void {
    for (const { status } of services)
      for (const { ip } of status?.loadBalancer?.ingress ?? []) if (ip !== undefined) this.#listed.add(ip);
  }

  /** From now on, and until it is forgotten, the Service is named when this may have changed. */
  choose(request: NodeRequest): NodeChoice {
    const { service, lb, capabilities } = request;
    const key = objectKey(service.metadata);
    this.#requests.set(key, request);
    const { nodes, issues } = this.#eligible(request);
    if (capabilities.needs === "address") return this.#share(key, request, nodes, issues);
    const { maxTargets } = capabilities;
    if (maxTargets === undefined || nodes.targets.length <= maxTargets) return { nodes, issues };
    const targets = targetSubset(nodes.targets, maxTargets, lb.id.uid);
    return { nodes: { ...nodes, targets }, issues: [...issues, tooMany(maxTargets)] };
  }

  /** Every node that a load balancer could send to, whatever a class or a Service says. */
  all({ families, needs }: Pick<Capabilities, "families" | "needs">): readonly NodeTarget[] {
    return this.#named({ families, needs, selectors: [] }).targets;
  }

  forget(service: string): void {
    this.#requests.delete(service);
    this.#endpoints?.forget(service);
    for (const other of this.#claims.forget(service)) this.#onChange(other);
  }

  /** So long no load balancer that works may be emptied yet, in milliseconds. */
  get graceMs(): number | undefined {
    return this.#view.graceMs;
  }

  #eligible({ service, lb, selectors, capabilities }: NodeRequest): NodeChoice {
    const { needs, endpointNodes = false, agents = false } = capabilities;
    const named = this.#named({ families: lb.families, needs, selectors });
    const local = endpointNodes && lb.externalTrafficPolicy === "Local";
    const placed = local ? this.#withEndpoints(objectKey(service.metadata), named) : named;
    if (!agents || this.#agents === undefined || this.#nodesWithoutAgent === "Include")
      return { nodes: placed, issues: unknownNodes(placed) };
    if (!this.#agents.any) return { nodes: placed, issues: [agentsMissing] };
    return { nodes: this.#withAgents(placed, this.#agents), issues: [] };
  }

  /** With the addresses at which they serve, where these are what load balancers share. */
  #named(wish: NodeWish): NodeSet {
    const all = this.#view.choose(wish);
    if (wish.needs !== "address") return all;
    return this.#serving.getOrInsertComputed(all, () => withServingAddresses(all, wish.families));
  }

  #withEndpoints(service: string, all: NodeSet): NodeSet {
    const there = this.#endpoints?.of(service);
    return withoutTargets(all, ({ name }) => (there?.has(name) === true ? undefined : "its lack of ready endpoints"));
  }

  /** While it is not known whether an agent lives, its node counts for what it was, or a restart would be a change. */
  #withAgents(all: NodeSet, agents: AgentView): NodeSet {
    const wasListed = ({ addresses }: NodeTarget): boolean => addresses.some((ip) => this.#listed.has(formatIp(ip)));
    const isNew = this.#listed.size === 0 || !all.targets.some(wasListed);
    return withoutTargets(all, (target) => {
      const state = agents.state(target.name);
      return state === "alive" || (state === "unknown" && (isNew || wasListed(target)))
        ? undefined
        : "its silent agent";
    });
  }

  /** Of nodes whose addresses load balancers share: without what others have, and with what agents say. */
  #share(key: string, request: NodeRequest, nodes: NodeSet, issues: readonly Issue[]): NodeChoice {
    const { touched, left, conflict } = this.#claims.claim(key, request, nodes);
    for (const other of touched) this.#onChange(other);
    if (conflict !== undefined && left.targets.length === 0)
      return { nodes: left, issues, blocked: { status: false, reason: conflict.reason, message: conflict.message } };
    const targets = left.targets.map((target) => {
      const losses = this.#losses(target.name, key);
      return losses.length === 0 ? target : { ...target, losses };
    });
    return { nodes: { ...left, targets }, issues: conflict === undefined ? issues : [...issues, conflict] };
  }

  /** What an agent that is gone has last said is nothing that the other proxy of its node says. */
  #losses(node: string, service: string): readonly ReportedLoss[] {
    const agents = this.#agents;
    if (agents === undefined || (this.#nodesWithoutAgent === "Include" && agents.state(node) === "silent")) return [];
    return agents.losses(node, service);
  }

  #nodesChanged({ forAll, labels }: NodeChange): void {
    this.#requeue(
      [...this.#requests]
        .filter(([, { selectors }]) => forAll || selectors.some((selector) => asksFor(selector, labels)))
        .map(([service]) => service),
    );
  }

  #agentsChanged(): void {
    this.#requeue(
      [...this.#requests].filter(([, { capabilities }]) => capabilities.agents === true).map(([service]) => service),
    );
  }

  /** First all claims, then the work: whoever works first must not take what an older one is about to have. */
  #requeue(services: readonly string[]): void {
    for (const service of services) {
      const request = this.#requests.get(service);
      if (request?.capabilities.needs === "address") this.choose(request);
    }
    for (const service of services) this.#onChange(service);
  }

  [Symbol.dispose](): void {
    this.#view[Symbol.dispose]();
    this.#endpoints?.[Symbol.dispose]();
    this.#agents?.[Symbol.dispose]();
    this.#agentsLater[Symbol.dispose]();
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

const agentsMissing: Issue = {
  path: "nodes",
  severity: "degrade",
  reason: "AgentsMissing",
  message:
    "no agent gives a sign of life from any node, so whether nodes serve these addresses is up to another service proxy; run berth agent on each node, or give --nodes-without-agent=Include if another proxy is to serve them",
};

/** Nodes that no cloud can be told of, by no will of anybody's. */
function unknownNodes({ excluded }: NodeSet): readonly Issue[] {
  const all = excluded.flatMap(({ name, by }) => (by === withoutProviderId ? [name] : []));
  if (all.length === 0) return [];
  const message = `without spec.providerID no traffic is sent to ${firstFew(all)}; have the kubelet (--provider-id) or the cloud controller manager set it, or label what is to get none ${excludeNodeLabel}`;
  return [{ path: "nodes", severity: "degrade", reason: "NodesLeftOut", message }];
}
