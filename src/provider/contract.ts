import type { LoadBalancerIngress, Protocol } from "../api/index.ts";
import type { DesiredLoadBalancer, Issue, LbIdentity, NodeNeed, NodeTarget } from "../model/index.ts";
import type { Family } from "../net/index.ts";

/** What is reconciled as one: each is a queue key of its own. */
export type ScopeKey =
  | { readonly kind: "service"; readonly id: LbIdentity }
  | { readonly kind: "members"; readonly id: LbIdentity }
  | { readonly kind: "shared"; readonly clusterId: string; readonly name: string };

export type Desired =
  | { readonly kind: "service"; readonly lb: DesiredLoadBalancer; readonly nodes: readonly NodeTarget[] }
  | { readonly kind: "members"; readonly lb: DesiredLoadBalancer; readonly nodes: readonly NodeTarget[] }
  | { readonly kind: "shared"; readonly users: readonly DesiredLoadBalancer[]; readonly nodes: readonly NodeTarget[] };

export type { Issue };

/** Static facts about an adapter; what it lacks is refused or marked degraded before the first call. */
export interface Capabilities {
  readonly protocols: readonly Protocol[];
  /** TCP and UDP ports in one Service. */
  readonly mixedProtocols: boolean;
  readonly families: readonly Family[];
  readonly dualStack: boolean;
  readonly needsNodePorts: boolean;
  /** Addresses come from our own pools rather than from the provider. */
  readonly needsAddresses: boolean;
  readonly ipMode: "VIP" | "Proxy";
  readonly sourceRanges: boolean;
  readonly sessionAffinity: boolean;
  /** Nodes without it are no targets. With `address`, load balancers share the addresses of nodes: each port has one. */
  readonly needs: NodeNeed;
  /** Only nodes with endpoints are targets of a Service of policy Local; otherwise all, and health checks tell. */
  readonly endpointNodes?: boolean;
  /** What comes to a node is served by its agent: a node whose agent is silent is no target while others are. */
  readonly agents?: boolean;
  /** Over so many nodes it gets a subset; absent: no limit. */
  readonly maxTargets?: number;
  /** Targets are a scope of their own (`members`) rather than a part of the load balancer. */
  readonly members: boolean;
}

export interface FieldDiff {
  readonly path: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** One mutation, as data. `input` may hold `{ step, output }` references to what earlier steps returned. */
export interface PlanStep {
  readonly id: string;
  readonly action: "create" | "update" | "replace" | "delete";
  readonly target: string;
  readonly dependsOn: readonly string[];
  readonly input: unknown;
  readonly diff: readonly FieldDiff[];
}

/** Something that the world has to do before the plan can go on. */
export interface Wait {
  readonly id: string;
  readonly what: string;
  readonly pollAfterMs: number;
  readonly on?: ScopeKey;
}

/** Converged means no steps and no waits. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  readonly waits: readonly Wait[];
  readonly replacesAddress: boolean;
  /** One line for people. */
  readonly summary: string;
  readonly hash: string;
}

export type StepResult =
  | { readonly state: "done"; readonly outputs?: Readonly<Record<string, string>>; readonly issues?: readonly Issue[] }
  | { readonly state: "pending"; readonly what: string; readonly pollAfterMs: number };

export interface LbStatus {
  /**
   * What `status.loadBalancer.ingress` should hold; empty until the address is real. With a plan that is converged,
   * empty means that there is none: what the Service shows is taken away.
   */
  readonly ingress: readonly LoadBalancerIngress[];
  readonly targets: {
    readonly ready: number;
    readonly total: number;
    /** Why none is ready, unless none passes its health check. */
    readonly why?: string;
  };
  /** Targets that are not ready, and why, by the name of the node. */
  readonly unhealthy?: readonly { readonly node: string; readonly reason: string }[];
  /** What the load balancer and its parts are called outside: an ARN, a link, a directory. */
  readonly references?: readonly string[];
  readonly issues: readonly Issue[];
}

/** Something outside the cluster that carries our owner tags. */
export interface OwnedObject {
  readonly scope: ScopeKey;
  readonly ref: string;
  readonly retained: boolean;
  /** Addresses that it holds, so that the allocator can adopt them before it gives any away. */
  readonly addresses: readonly string[];
}

export interface PlanTime {
  /** Wall clock, milliseconds. */
  readonly now: number;
  /** Milliseconds since the wait of this id was first seen. */
  since(waitId: string): number;
}

/** One load-balancer technology. `Snap` is a batched read of many scopes, `Obs` what is known of one. */
export interface ProviderAdapter<Snap = unknown, Obs = unknown> {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Pure. */
  validate(desired: DesiredLoadBalancer): readonly Issue[];
  scopes(desired: DesiredLoadBalancer): readonly ScopeKey[];
  snapshot(keys: readonly ScopeKey[], signal: AbortSignal): Promise<Snap>;
  observe(key: ScopeKey, from: Snap | "live", signal: AbortSignal): Promise<Obs>;
  /** Pure; null tears down everything of this scope. */
  plan(key: ScopeKey, desired: Desired | null, observed: Obs, time: PlanTime): Plan;
  /** One mutation. Applying a pending step again polls it. */
  apply(step: PlanStep, outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult>;
  /** Pure. */
  status(desired: DesiredLoadBalancer, service: Obs, members: Obs | null, nodes: readonly NodeTarget[]): LbStatus;
  listOwned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedObject>;
}

/** Optional ability of an adapter: it learns by itself when the health of a load balancer's targets changed. */
export interface HealthWatcher {
  /** Calls `onChange` with what has to be reconciled again, until disposed. */
  watchHealth(onChange: (key: ScopeKey) => void): Disposable;
}

/**
 * Optional ability of an adapter: it still knows what it saw of a scope a moment ago and has not changed since, so that
 * who waits for something need not look at everything again.
 */
export interface Recalling<Snap = unknown> {
  /** It may only prove that there is nothing to do now; undefined: only a live look will do. */
  recall(key: ScopeKey, signal: AbortSignal): Promise<Snap | undefined>;
}

/** Optional ability of an adapter: it can tell as whom it acts at its provider, for the status of its classes. */
export interface Identified {
  /** For people: a role, an account, a region. */
  identity(signal: AbortSignal): Promise<string>;
}
