import type { Node } from "../api/index.ts";
import { type Clock, type Random, systemRandom } from "../base/index.ts";
import { Conntrack, type Exec, Iptables, isRestoreFailure } from "../kernel/index.ts";
import type { WaitingSocket } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ServiceEvents } from "./agent-events.ts";
import { type Plans, RuleApplier, type Written } from "./apply/index.ts";
import type { ClusterListener, ClusterState, SliceChange } from "./cluster-state.ts";
import type { ProxyView } from "./debug-state.ts";
import type { DriftTarget, KernelRules } from "./drift/index.ts";
import { FamilyFollowUp, type NodePortPlaces } from "./family-follow-up.ts";
import type { HealthPorts } from "./health-ports.ts";
import type { AgentMetrics } from "./metrics.ts";
import { type NodeFacts, type NodeSettings, nodeFacts, nodeNotices } from "./node-facts.ts";
import { isLoopback } from "./node-port-addresses.ts";
import { NodeStanding } from "./node-standing.ts";
import { changesRules, ServiceTable } from "./service-table.ts";
import type { SyncHealth } from "./sync-health.ts";
import { countRules } from "./sync-metrics.ts";
import { SyncReport } from "./sync-report.ts";
import { FamilyRetry } from "./sync-retry.ts";
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
  /** Undefined: nobody reads any. */
  readonly events?: ServiceEvents;
  /** Called when something is refused that was not, or no longer. */
  readonly onStanding?: () => void;
  /** A family that fails is tried again within this; by default kube-proxy's sync period. */
  readonly syncPeriodMs?: number;
  readonly metrics: AgentMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random?: Random;
}

/** How long a Service waits at most for a port that a local process has let go. */
const lookAgainMs = 30_000;

interface FamilyProxy extends KernelRules {
  readonly applier: RuleApplier;
  readonly followUp: FamilyFollowUp;
  readonly retry: FamilyRetry;
}

const noEvents: ServiceEvents = { serviceWarning() {} };

/** Brings the kernel of one node in line with the cluster. Syncs must not overlap. */
export class NodeProxy implements ClusterListener, DriftTarget {
  readonly #options: NodeProxyOptions;
  readonly #table: ServiceTable;
  readonly #standing: NodeStanding;
  readonly #report: SyncReport;
  readonly #families: readonly FamilyProxy[];
  /** Services to be planned, with the objects that changed and the address type that each concerns. */
  #dirty = new Map<string, Map<string, string | undefined>>();
  readonly #changedServices = new Set<string>();
  #changedSlices = 0;
  readonly #programmed = Promise.withResolvers<void>();
  /** As last seen: while the object is away the rules that depend on it stay. */
  #node: Node | undefined;

  constructor(options: NodeProxyOptions) {
    const { settings, exec, metrics, logger, clock, healthPorts, events = noEvents, onStanding = () => {} } = options;
    const { syncPeriodMs = 30_000, random = systemRandom } = options;
    this.#options = options;
    this.#table = new ServiceTable(settings.families, options.localSockets);
    this.#standing = new NodeStanding();
    this.#report = new SyncReport({ standing: this.#standing, events, metrics, logger, clock, onStanding });
    const shared = { healthPorts, report: this.#report, standing: this.#standing, metrics, clock };
    this.#families = settings.families.map((family) => ({
      family,
      applier: new RuleApplier(new Iptables(exec, family), clock),
      exclusively: turns(),
      retry: new FamilyRetry(syncPeriodMs, clock, random),
      followUp: new FamilyFollowUp({
        ...shared,
        family,
        flows: new FlowReconciler(new Conntrack(exec, family), family, metrics, logger, clock),
      }),
    }));
  }

  get kernels(): readonly KernelRules[] {
    return this.#families;
  }

  get programmed(): Promise<void> {
    return this.#programmed.promise;
  }

  serviceChanged(key: string): void {
    this.#changedServices.add(key);
    this.#options.metrics.serviceChanges.inc();
    this.#options.metrics.serviceChangesPending.set(this.#changedServices.size);
    this.#mark(key, "Service", undefined);
  }

  endpointsChanged(serviceKey: string, changedAt: number | undefined, slice?: SliceChange): void {
    this.#changedSlices += 1;
    this.#options.metrics.endpointChanges.inc();
    this.#options.metrics.endpointChangesPending.set(this.#changedSlices);
    for (const { family, followUp } of this.#families)
      if (slice === undefined || slice.addressType === family) {
        if (slice?.isDeleted === true) followUp.sliceDeleted(serviceKey);
        else if (changedAt !== undefined) followUp.podChanged(serviceKey, changedAt);
      }
    this.#mark(serviceKey, `EndpointSlice ${slice?.name ?? ""}`.trim(), slice?.addressType);
  }

  #mark(key: string, cause: string, addressType: string | undefined): void {
    this.#dirty.getOrInsertComputed(key, () => new Map()).set(cause, addressType);
    this.#queued();
  }

  nodeChanged(): void {
    for (const { retry } of this.#families) retry.hurry();
    this.#queued();
  }

  /** What is believed, for those who ask. */
  inspect(): ProxyView {
    return {
      standing: this.#standing,
      services: this.#table.services(),
      changesWaiting: { services: this.#changedServices.size, endpointSlices: this.#changedSlices },
      families: this.#families.map(({ family, followUp }) => ({
        family,
        pending: followUp.pending,
        lastFailure: this.#report.lastFailure(family),
      })),
    };
  }

  #queued(): void {
    const { health, metrics, clock, settings } = this.#options;
    health.queued();
    for (const family of settings.families) metrics.lastQueued.set({ ip_family: family }, clock.now() / 1000);
  }

  /**
   * Plans what changed and writes it. A family that fails does not keep the other back and is tried again by a later
   * sync, with all that it lacks. Returns after how many milliseconds to come again though nothing changed: for what
   * could not be done now, a family or a Service that the kernel refuses, and a frontend that gives way to a local
   * process. Rejects when nothing could be planned.
   */
  async sync(signal: AbortSignal): Promise<number | undefined> {
    const start = this.#options.clock.monotonic();
    this.#options.health.begin();
    const places = await this.#plan();
    const due = await Promise.all(
      this.#families.map(
        async (one) => one.retry.waitMs ?? (await this.#syncFamily(one, places(one.family), start, signal)),
      ),
    );
    signal.throwIfAborted();
    return soonest(...due, this.#table.givesWay ? lookAgainMs : undefined);
  }

  async #syncFamily(
    one: FamilyProxy,
    places: NodePortPlaces,
    start: number,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { metrics, clock } = this.#options;
    const partial = one.applier.knowsKernel;
    try {
      const written = await this.#apply(one, signal);
      const again = await one.followUp.programmed(written, places, clock.monotonic() - start, signal);
      one.retry.succeeded();
      return soonest(again, one.applier.dueInMs);
    } catch (error) {
      return signal.aborted ? undefined : this.#failed(one, error, clock.monotonic() - start);
    } finally {
      // As kube-proxy's: with the planning, and whatever came of it.
      const seconds = (clock.monotonic() - start) / 1000;
      for (const duration of [metrics.syncDuration, partial ? metrics.partialSyncDuration : metrics.fullSyncDuration])
        duration.observe({ ip_family: one.family }, seconds);
    }
  }

  #failed({ family, retry }: FamilyProxy, err: unknown, durationMs: number): number {
    this.#report.failed(family, err);
    const retryMs = retry.failed(durationMs);
    this.#options.logger.error("rules not programmed", { family, err, attempt: retry.failures, retryMs });
    return retryMs;
  }

  /** What changes while this plans, also of Services that it has yet to read, is planned by the next sync too. */
  async #plan(): Promise<(family: Family) => NodePortPlaces> {
    const { state, settings, localAddresses, metrics } = this.#options;
    const addresses = localAddresses();
    const node = state.node();
    this.#node = node ?? this.#node;
    this.#report.node(settings.nodeName, nodeNotices(settings, node, this.#node, addresses));
    const facts = nodeFacts(settings, this.#node, state.slices("default/kubernetes"), addresses);
    const dirty = this.#dirty;
    this.#dirty = new Map();
    this.#changedServices.clear();
    this.#changedSlices = 0;
    metrics.serviceChangesPending.set(0);
    metrics.endpointChangesPending.set(0);
    for (const { followUp } of this.#families) followUp.planning();
    try {
      for (const change of await this.#table.update(dirty.keys(), state, facts)) {
        this.#report.refused(change);
        const causes = dirty.get(change.key) ?? new Map<string, string | undefined>();
        for (const { family, followUp, retry } of this.#families) {
          followUp.planned({ ...change, causes });
          if (retry.isFailing && changesRules(change, family)) retry.hurry();
        }
      }
    } catch (error) {
      for (const [key, causes] of dirty) for (const [cause, addressType] of causes) this.#mark(key, cause, addressType);
      throw error;
    }
    return (family) => nodePortPlaces(facts, family, addresses);
  }

  async #apply({ family, applier, exclusively }: FamilyProxy, signal: AbortSignal): Promise<Written> {
    const { metrics, health, clock } = this.#options;
    const labels = { ip_family: family };
    const partial = applier.knowsKernel;
    const program = this.#table.program(family);
    const start = clock.monotonic();
    const plans = (): Plans => this.#table.plans(family);
    const written = await exclusively(() => applier.apply(program, signal, plans)).catch((error: unknown) => {
      if (isRestoreFailure(error)) {
        metrics.restoreFailures.inc(labels);
        if (partial) metrics.partialRestoreFailures.inc(labels);
      }
      throw error;
    });
    const durationMs = clock.monotonic() - start;
    if (written.refusals > 0) metrics.restoreFailures.inc(labels, written.refusals);
    if (written.refusals > 0 && partial) metrics.partialRestoreFailures.inc(labels, written.refusals);
    this.#report.isolated(family, new Map(written.isolated.map(({ service, why }) => [service, why])));
    metrics.lastSync.set(labels, clock.now() / 1000);
    health.updated(family);
    this.#programmed.resolve();
    countRules(metrics, family, applier.program ?? program, written);
    if (written.observed) this.#report.observed(family, written, durationMs);
    return written;
  }
}

function soonest(...ms: readonly (number | undefined)[]): number | undefined {
  const due = ms.filter((one) => one !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}

/** Runs one after the other what it is given. */
function turns(): KernelRules["exclusively"] {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const result = last.then(run);
    last = result.catch(() => {});
    return result;
  };
}

/** Loopback is none of them unless rules say so: what is sent there goes to processes of the node. */
function nodePortPlaces({ configs }: NodeFacts, family: Family, localAddresses: readonly string[]): NodePortPlaces {
  const { nodePortAddresses: sockets, localhostNodePorts = false } = configs.get(family) ?? {};
  const own = localAddresses.filter((address) => address.includes(":") === (family === "IPv6"));
  const isServed = (address: string): boolean => localhostNodePorts || !isLoopback(address);
  return { sockets, addresses: sockets ?? own.filter(isServed) };
}
