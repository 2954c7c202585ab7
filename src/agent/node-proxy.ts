import type { Node } from "../api/index.ts";
import type { Clock } from "../base/index.ts";
import { Conntrack, type Exec, Iptables, RestoreError } from "../kernel/index.ts";
import type { WaitingSocket } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { type Plans, RuleApplier, type Written } from "./apply/index.ts";
import type { ClusterListener, ClusterState } from "./cluster-state.ts";
import type { DriftTarget, KernelRules } from "./drift/index.ts";
import type { HealthPorts } from "./health-ports.ts";
import type { AgentMetrics } from "./metrics.ts";
import { type NodeSettings, nodeEligible, nodeFacts, nodeNotices } from "./node-facts.ts";
import { type ServiceChange, ServiceTable } from "./service-table.ts";
import type { SyncHealth } from "./sync-health.ts";
import { countRules, NoLocalEndpoints } from "./sync-metrics.ts";
import { SyncReport } from "./sync-report.ts";
import { FlowReconciler } from "./udp-flows.ts";

export interface NodeProxyOptions {
  readonly settings: NodeSettings;
  readonly state: ClusterState;
  readonly exec: Exec;
  /** Addresses of the node's own interfaces, in canonical form. */
  readonly localAddresses: () => readonly string[];
  /** On what local processes wait. */
  readonly localSockets: () => Promise<readonly WaitingSocket[]>;
  readonly health: SyncHealth;
  readonly healthPorts: Pick<HealthPorts, "update">;
  readonly metrics: AgentMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How long a Service waits at most for a port that a local process has let go. */
const lookAgainMs = 30_000;

interface FamilyProxy {
  readonly family: Family;
  readonly applier: RuleApplier;
  readonly flows: FlowReconciler;
}

/** Brings the kernel of one node in line with the cluster. Syncs must not overlap. */
export class NodeProxy implements ClusterListener, DriftTarget {
  readonly #options: NodeProxyOptions;
  readonly #table: ServiceTable;
  readonly #report: SyncReport;
  readonly #families: readonly FamilyProxy[];
  readonly #noLocalEndpoints: NoLocalEndpoints;
  #dirty = new Set<string>();
  /** Changes that are planned but not in the kernel of every family yet. */
  readonly #pending = new Map<string, ServiceChange>();
  readonly #programmed = Promise.withResolvers<void>();
  #turn: Promise<unknown> = Promise.resolve();
  /** As last seen: while the object is away the rules that depend on it stay. */
  #node: Node | undefined;
  /** When pods changed: what waits to be planned, and what is planned. */
  #changedAt: number[] = [];
  #plannedAt: number[] = [];
  #services = 0;
  #slices = 0;

  constructor(options: NodeProxyOptions) {
    const { settings, exec, metrics, logger, clock } = options;
    this.#options = options;
    this.#table = new ServiceTable(settings.families, options.localSockets);
    this.#noLocalEndpoints = new NoLocalEndpoints(metrics, settings.families);
    this.#report = new SyncReport(logger);
    this.#families = settings.families.map((family) => ({
      family,
      applier: new RuleApplier(new Iptables(exec, family), clock),
      flows: new FlowReconciler(new Conntrack(exec, family), family, metrics, logger, clock),
    }));
  }

  get kernels(): readonly KernelRules[] {
    return this.#families;
  }

  get programmed(): Promise<void> {
    return this.#programmed.promise;
  }

  /** What syncs write and what is repaired takes turns. */
  exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => {});
    return result;
  }

  serviceChanged(key: string): void {
    this.#services += 1;
    this.#options.metrics.serviceChanges.inc();
    this.#options.metrics.serviceChangesPending.set(this.#services);
    this.#dirty.add(key);
    this.#queued();
  }

  endpointsChanged(serviceKey: string, changedAt: number | undefined): void {
    this.#slices += 1;
    this.#options.metrics.endpointChanges.inc();
    this.#options.metrics.endpointChangesPending.set(this.#slices);
    if (changedAt !== undefined) this.#changedAt.push(changedAt);
    this.#dirty.add(serviceKey);
    this.#queued();
  }

  nodeChanged(): void {
    this.#queued();
  }

  #queued(): void {
    const { health, metrics, clock, settings } = this.#options;
    health.queued();
    for (const family of settings.families) metrics.lastQueued.set({ ip_family: family }, clock.now() / 1000);
  }

  /**
   * Plans what changed and writes it. What could not be written is written by the next sync. Returns after how many
   * milliseconds to come again though nothing changed: a Service that the kernel refuses is tried again then, and a
   * frontend that gives way to a local process may be free.
   */
  async sync(signal: AbortSignal): Promise<number | undefined> {
    const { state, localAddresses, health, healthPorts, clock } = this.#options;
    const start = clock.monotonic();
    // What came while the last sync was writing counted as written with it.
    if (this.#dirty.size + this.#pending.size > 0) health.queued();
    await this.#plan();
    health.nodeEligible = nodeEligible(state.node());
    const results = await this.exclusively(() =>
      Promise.allSettled(this.#families.map((one) => this.#apply(one, signal))),
    );
    const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors);

    const changes = [...this.#pending.values()];
    this.#pending.clear();
    this.#observeProgramming();
    for (const { before, after } of changes) this.#noLocalEndpoints.changed(before, after);
    const written = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    await this.#report.programmed(changes, written, clock.monotonic() - start);
    const services = this.#table.services();
    await healthPorts.update(services);
    const addresses = new Set(localAddresses());
    await Promise.all(this.#families.map(({ flows }) => flows.reconcile(changes, services, addresses, signal)));
    const due = this.#families.flatMap(({ applier }) => applier.dueInMs ?? []);
    if (this.#table.givesWay) due.push(lookAgainMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  #observeProgramming(): void {
    const { settings, metrics, clock } = this.#options;
    for (const at of this.#plannedAt)
      for (const family of settings.families)
        metrics.programmingDuration.observe({ ip_family: family }, Math.max(0, clock.now() - at) / 1000);
    this.#plannedAt = [];
  }

  /** What changes while this plans, also of Services that it has yet to read, is planned by the next sync too. */
  async #plan(): Promise<void> {
    const { state, settings, localAddresses, metrics } = this.#options;
    const addresses = localAddresses();
    const node = state.node();
    this.#node = node ?? this.#node;
    this.#report.node(settings.nodeName, nodeNotices(settings, node, this.#node, addresses));
    const facts = nodeFacts(settings, this.#node, state.slices("default/kubernetes"), addresses);
    const keys = this.#dirty;
    const [services, slices] = [this.#services, this.#slices];
    this.#dirty = new Set();
    this.#plannedAt.push(...this.#changedAt.splice(0));
    try {
      for (const change of await this.#table.update(keys, state, facts)) this.#planned(change);
    } catch (error) {
      this.#dirty = new Set([...keys, ...this.#dirty]);
      throw error;
    }
    this.#services -= services;
    this.#slices -= slices;
    metrics.serviceChangesPending.set(this.#services);
    metrics.endpointChangesPending.set(this.#slices);
  }

  #planned(change: ServiceChange): void {
    this.#report.refused(change);
    const earlier = this.#pending.get(change.key);
    this.#pending.set(
      change.key,
      earlier === undefined ? change : { ...change, before: earlier.before, plansBefore: earlier.plansBefore },
    );
  }

  async #apply({ family, applier }: FamilyProxy, signal: AbortSignal): Promise<Written> {
    const { metrics, health, clock } = this.#options;
    const labels = { ip_family: family };
    const partial = applier.knowsKernel;
    const program = this.#table.program(family);
    const start = clock.monotonic();
    const plans = (): Plans => this.#table.plans(family);
    const written = await applier.apply(program, signal, plans).catch((error: unknown) => {
      if (error instanceof RestoreError) {
        metrics.restoreFailures.inc(labels);
        if (partial) metrics.partialRestoreFailures.inc(labels);
      }
      throw error;
    });
    const durationMs = clock.monotonic() - start;
    if (written.refusals > 0) metrics.restoreFailures.inc(labels, written.refusals);
    if (written.refusals > 0 && partial) metrics.partialRestoreFailures.inc(labels, written.refusals);
    this.#report.isolated(family, new Map(written.isolated.map(({ service, why }) => [service, why])));
    metrics.syncDuration.observe(labels, durationMs / 1000);
    (partial ? metrics.partialSyncDuration : metrics.fullSyncDuration).observe(labels, durationMs / 1000);
    metrics.lastSync.set(labels, clock.now() / 1000);
    health.updated(family);
    countRules(metrics, family, applier.program ?? program, written);
    this.#programmed.resolve();
    if (written.observed) this.#report.observed(family, written, durationMs);
    return written;
  }
}
