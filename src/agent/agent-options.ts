import type { Clock, Random } from "../base/index.ts";
import type { Exec } from "../kernel/index.ts";
import type { KubeClient } from "../kube/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import type { ClusterSource } from "./cluster-state.ts";
import type { DriftOptions } from "./drift/index.ts";
import type { Note } from "./iptables-host.ts";
import type { NodeSettings } from "./node-facts.ts";
import type { VipRouteMode } from "./vip-routes.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface AgentOptions {
  readonly settings: NodeSettings;
  readonly client: ClusterSource & Pick<KubeClient, "get" | "create" | "patch" | "mergePatch">;
  /** The API server's URL, for messages. */
  readonly server: string;
  /** Where the agent's Lease is. */
  readonly namespace: string;
  /** Who writes events and the Lease: the same after a restart, another on another machine. */
  readonly identity: string;
  /** Undefined: the pages are not served. */
  readonly healthzAddress: Address | undefined;
  readonly metricsAddress: Address | undefined;
  /** Whether an address that is taken ends the agent; else it is tried again and again. */
  readonly bindAddressHardFail: boolean;
  /** The configuration that holds, for `/configz`, as `kubeproxy.config.k8s.io/v1alpha1` has it. */
  readonly configz: object;
  readonly minSyncIntervalMs: number;
  /** What fails is tried again within this; twice as long may a change wait before the agent counts as ill. */
  readonly syncPeriodMs: number;
  /** What was found out about the machine, for the log. */
  readonly notes?: readonly Note[];
  readonly exec: Exec;
  /** How rules that others alter are noticed; undefined: not at all. */
  readonly drift: Pick<DriftOptions, "flavour" | "follow" | "enforceJumpOrder"> | undefined;
  /** Whether addresses of load balancers that pass packets through are made the node's own. */
  readonly vipRoutes: VipRouteMode;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}
