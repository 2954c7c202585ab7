import type { Clock } from "../base/index.ts";
import type { Family } from "../net/index.ts";
import type { Written } from "./apply/index.ts";
import type { HealthPorts } from "./health-ports.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NodeStanding } from "./node-standing.ts";
import { NoLocalEndpoints } from "./sync-metrics.ts";
import type { PlannedChange, SyncReport } from "./sync-report.ts";
import type { FlowReconciler } from "./udp-flows.ts";

export interface FollowUpOptions {
  readonly family: Family;
  readonly flows: FlowReconciler;
  readonly healthPorts: Pick<HealthPorts, "update">;
  readonly report: SyncReport;
  readonly standing: NodeStanding;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
}

/** Where NodePorts answer in a family. */
export interface NodePortPlaces {
  /** For sockets; undefined: everywhere. */
  readonly sockets: readonly string[] | undefined;
  /** The same as addresses. */
  readonly addresses: readonly string[];
}

/** A health check node port that is taken is tried again, though nothing changes. */
const retryMs = 30_000;

/**
 * What has to follow once the kernel holds the rules of one family: reports, metrics, health check node ports, flows.
 * What the other family does has no part in it. What is planned stays due until it is in the kernel.
 */
export class FamilyFollowUp {
  readonly #options: FollowUpOptions;
  readonly #noLocal: NoLocalEndpoints;
  /** When the agent began: what pods did before is not for us to be measured by. */
  readonly #startedAt: number;
  /** Changes that are planned but not in the kernel yet. */
  readonly #pending = new Map<string, PlannedChange>();
  /** Service -> when its pods changed, in milliseconds since the epoch: since the last plan, and in it. */
  readonly #changedAt = new Map<string, number[]>();
  readonly #plannedAt = new Map<string, number[]>();

  constructor(options: FollowUpOptions) {
    this.#options = options;
    this.#noLocal = new NoLocalEndpoints(options.metrics, options.family);
    this.#startedAt = options.clock.now();
  }

  /** Services whose rules are planned but not in the kernel. */
  get pending(): readonly string[] {
    return [...this.#pending.keys()];
  }

  podChanged(service: string, at: number): void {
    if (at > this.#startedAt) this.#changedAt.getOrInsertComputed(service, () => []).push(at);
  }

  /** As kube-proxy: the slice says when it last changed, which is not when it was deleted. */
  sliceDeleted(service: string): void {
    this.#changedAt.delete(service);
    this.#plannedAt.delete(service);
  }

  /** What has come so far is about to be planned. */
  planning(): void {
    for (const [service, times] of this.#changedAt)
      this.#plannedAt.getOrInsertComputed(service, () => []).push(...times);
    this.#changedAt.clear();
  }

  planned(change: PlannedChange): void {
    const earlier = this.#pending.get(change.key);
    this.#pending.set(change.key, earlier === undefined ? change : merged(earlier, change));
  }

  /** The kernel holds what was planned. Returns after how many milliseconds to come again though nothing changed. */
  async programmed(
    written: Written,
    places: NodePortPlaces,
    durationMs: number,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { family, flows, healthPorts, report, standing, metrics } = this.#options;
    const changes = [...this.#pending.values()];
    this.#pending.clear();
    this.#observeProgramming();
    await report.programmed(family, changes, written, durationMs);
    standing.programmed(family, changes);
    this.#noLocal.update(changes);
    const [failed, again] = await Promise.all([
      healthPorts.update(family, changes, places.sockets),
      flows.reconcile(changes, places.addresses, signal),
    ]);
    metrics.healthPortFailures.set({ ip_family: family }, failed);
    return failed > 0 ? retryMs : again;
  }

  #observeProgramming(): void {
    const { family, metrics, clock } = this.#options;
    for (const at of [...this.#plannedAt.values()].flat())
      metrics.programmingDuration.observe({ ip_family: family }, Math.max(0, clock.now() - at) / 1000);
    this.#plannedAt.clear();
  }
}

function merged(earlier: PlannedChange, { causes, ...later }: PlannedChange): PlannedChange {
  const { before, plansBefore } = earlier;
  return { ...later, before, plansBefore, causes: new Map([...earlier.causes, ...causes]) };
}
