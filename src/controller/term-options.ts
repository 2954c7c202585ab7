import type {
  IPAddressPool,
  Lease,
  LoadBalancerClass,
  LoadBalancerRecord,
  Namespace,
  Node,
  Service,
} from "../api/index.ts";
import type { Clock, Random } from "../base/index.ts";
import type { AddressPool } from "../ipam/index.ts";
import type { EventRecorder, KubeClient, Store } from "../kube/index.ts";
import type { Classes } from "../model/index.ts";
import type { ProviderAdapter, RequestBudget } from "../provider/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import type { PauseTimes } from "./engine/circuit.ts";
import type { NodePortSettings } from "./node-ports/node-ports.ts";
import type { SliceStore } from "./nodes/endpoint-nodes.ts";
import type { NodesWithoutAgent } from "./nodes/service-nodes.ts";
import type { OrphanPolicy } from "./orphans/index.ts";

export interface TermOptions {
  readonly client: Pick<KubeClient, "get" | "list" | "listAll" | "create" | "mergePatch" | "delete" | "watch">;
  readonly recorder: Pick<EventRecorder, "event">;
  readonly providers: readonly ProviderAdapter[];
  /** Those of flags; objects of the API server come on top. */
  readonly classes: Classes;
  readonly clusterId: string;
  /** That of the command line; without a range there is none. */
  readonly pool: AddressPool;
  /** Where the Leases of agents are. */
  readonly agentNamespace: string;
  readonly nodesWithoutAgent: NodesWithoutAgent;
  readonly nodePorts: NodePortSettings;
  readonly orphans: OrphanPolicy;
  readonly workers: number;
  readonly driftResyncMs: number;
  /** What the requests of providers share, by the provider's name; those that are not in it are unlimited. */
  readonly budgets?: ReadonlyMap<string, Pick<RequestBudget, "state">>;
  /** Of providers that ask to be left alone. */
  readonly pauses?: PauseTimes;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is known of the cluster. */
export interface Stores {
  readonly services: Store<Service>;
  readonly nodes: Store<Node>;
  readonly classes: Store<LoadBalancerClass>;
  readonly namespaces: Store<Namespace>;
  readonly pools: Store<IPAddressPool>;
  /** Undefined when no provider asks where endpoints are. */
  readonly slices: SliceStore | undefined;
  /** Undefined when no provider depends on agents. */
  readonly agents: Store<Lease> | undefined;
  readonly records: Store<LoadBalancerRecord>;
}

/** As upstream's service controller, but quicker at first. */
export const backoff = { baseMs: 1000, capMs: 300_000 } as const;
