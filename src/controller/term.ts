import { type LoadBalancerRecord, type Node, objectKey, type Service } from "../api/index.ts";
import { Backoff, type Clock, errorMessage, isAbort, type Random, sleep, withTimeout } from "../base/index.ts";
import type { AddressPool } from "../ipam/index.ts";
import {
  type EventRecorder,
  FencedError,
  initialPriority,
  type KubeClient,
  type Store,
  type Work,
  WorkQueue,
  type WorkResult,
} from "../kube/index.ts";
import type { Classes, LbIdentity } from "../model/index.ts";
import type { OwnedObject, ProviderAdapter } from "../provider/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { ServiceAddresses } from "./addresses/service-addresses.ts";
import { ProviderRunner } from "./engine/provider-runner.ts";
import { StoppedError } from "./engine/stopped-error.ts";
import { isHealthWatcher } from "./health.ts";
import { holdersOf, Leftovers } from "./leftovers.ts";
import { type ControllerMetrics, controllerMetrics, controllerName, measured } from "./metrics.ts";
import { NodeView } from "./nodes/node-view.ts";
import { ServiceReconciler } from "./service-reconciler.ts";
import { Records } from "./status/records.ts";
import { Reporter } from "./status/reporter.ts";
import { ServiceStates } from "./status/service-states.ts";

export interface TermOptions {
  readonly client: Pick<KubeClient, "get" | "list" | "listAll" | "create" | "mergePatch" | "delete" | "watch">;
  readonly recorder: Pick<EventRecorder, "event">;
  readonly providers: readonly ProviderAdapter[];
  readonly classes: () => Classes;
  readonly clusterId: string;
  readonly pool: AddressPool;
  readonly workers: number;
  readonly driftResyncMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the API server has, as far as it is known. */
export interface Stores {
  readonly services: Store<Service>;
  readonly nodes: Store<Node>;
  readonly records: Store<LoadBalancerRecord>;
}

/** As upstream's service controller, but quicker at first. */
const backoff = { baseMs: 1000, capMs: 300_000 } as const;
/** No look at one Service takes longer. */
const reconcileLimitMs = 600_000;

/** All that exists only while this process leads. */
export class Term implements Disposable {
  readonly #options: TermOptions;
  readonly #services: Store<Service>;
  readonly #nodes: NodeView;
  readonly #records: Records;
  readonly #reporter: Reporter;
  readonly #queue: WorkQueue;
  readonly #leftoverQueue: WorkQueue;
  readonly #addresses: ServiceAddresses;
  readonly #reconciler: ServiceReconciler;
  readonly #leftovers: Leftovers;
  readonly #metrics: ControllerMetrics;
  readonly #held = new DisposableStack();

  constructor(options: TermOptions, { services, nodes, records }: Stores, mayWrite: () => string | undefined) {
    const { client, recorder, clusterId, classes, logger, metrics, clock, random } = options;
    this.#options = options;
    this.#services = services;
    this.#nodes = new NodeView(nodes, clock);
    const providers = new Map(options.providers.map((adapter) => [adapter.name, adapter]));
    this.#metrics = controllerMetrics(metrics);
    this.#queue = this.#held.use(new WorkQueue({ name: controllerName, logger, metrics, clock, random, backoff }));
    this.#leftoverQueue = this.#held.use(new WorkQueue({ name: "leftovers", logger, metrics, clock, random, backoff }));
    this.#addresses = new ServiceAddresses(options.pool, (key) => this.#queue.add(key));
    const runner = new ProviderRunner(mayWrite, clock, logger);
    const shared = { client, providers, classes, addresses: this.#addresses, runner, logger };
    const onRefused = (...refusal: Parameters<Reporter["recordRefused"]>): void =>
      this.#reporter.recordRefused(...refusal);
    this.#records = this.#held.use(
      new Records({ client, store: records, mayWrite, onRefused, clock, random, logger, metrics }),
    );
    const states = new ServiceStates(this.#metrics.serviceStates, this.#metrics.timeToReady, clock);
    this.#reporter = new Reporter({
      client,
      recorder,
      services,
      records: this.#records,
      states,
      mayWrite,
      clock,
      logger,
    });
    this.#leftovers = new Leftovers({
      ...shared,
      onGone: (key) => this.#queue.add(key),
      onStuck: (id, failure) => this.#reporter.stuck(id, failure),
    });
    this.#reconciler = new ServiceReconciler({
      ...shared,
      services,
      nodes: this.#nodes,
      reporter: this.#reporter,
      clusterId,
      backoffOf: (key) => Math.min(backoff.capMs, backoff.baseMs * 2 ** this.#queue.failures(key)),
      onIgnored: (service) => this.#onIgnored(service),
      driftResyncMs: options.driftResyncMs,
      random,
      metrics: this.#metrics,
    });
  }

  /** Learns which addresses are in use and which load balancers have lost their Service, before anything is given. */
  async adopt(signal: AbortSignal): Promise<void> {
    const { providers, classes, logger } = this.#options;
    const now = classes();
    const holders = new Map(
      this.#services.list().map((service) => [service.metadata.uid ?? "", holdersOf(service, now)]),
    );
    for (const adapter of providers) {
      const owned = await this.#listOwned(adapter, signal);
      const lost: LbIdentity[] = [];
      for (const { scope, retained, addresses } of owned) {
        if (scope.kind !== "service") continue;
        this.#addresses.adoptOwned(scope.id.uid, addresses);
        if (!retained && holders.get(scope.id.uid)?.includes(adapter.name) !== true) lost.push(scope.id);
      }
      const most = Math.max(5, Math.floor(owned.length / 10));
      for (const id of lost.slice(0, most)) this.#noteLeftover(id);
      if (lost.length > most)
        logger.warn("more load balancers without a service than are torn down at one start", {
          provider: adapter.name,
          count: lost.length,
          why: `only ${most} go, as many at once may mean that this is not the cluster that made them`,
        });
    }
    this.#addresses.adoptStatuses(
      this.#services.list().filter(({ metadata }) => (holders.get(metadata.uid ?? "") ?? []).length > 0),
    );
  }

  /** Until `leading` aborts; `end` aborts the work that is at hand then. */
  async run(workers: number, leading: AbortSignal, end: AbortSignal): Promise<void> {
    this.#subscribe();
    const { clock } = this.#options;
    this.#metrics.maxWorkers.set({ controller: controllerName }, workers);
    const reconcile: Work = (key) =>
      measured(this.#metrics, async () => {
        using limit = withTimeout(end, reconcileLimitMs, `reconcile ${key}`, clock);
        return await unlessStopped(this.#reconciler.reconcile(key, limit.signal));
      });
    const tearDown: Work = (uid) => unlessStopped(this.#leftovers.reconcile(uid, end));
    await Promise.all([
      this.#queue.run(workers, reconcile, leading),
      this.#leftoverQueue.run(1, tearDown, leading),
      this.#records.run(leading),
    ]);
  }

  #subscribe(): void {
    this.#held.use(
      this.#services.subscribe({
        add: (service, initial) => {
          if (this.#concerns(service)) this.#queue.add(objectKey(service.metadata), initial ? initialPriority : 0);
        },
        update: (before, after) => {
          if (this.#reporter.wrote(after)) return;
          if (this.#concerns(before) || this.#concerns(after)) this.#queue.add(objectKey(after.metadata));
        },
        delete: (last) => {
          this.#reporter.forget(last);
          if (holdersOf(last, this.#options.classes()).length > 0) this.#noteLeftover(this.#identity(last));
          else this.#onIgnored(last);
        },
      }),
    );
    this.#held.use(this.#nodes.onChange(() => this.#addOwned()));
    for (const adapter of this.#options.providers)
      if (isHealthWatcher(adapter))
        this.#held.use(
          adapter.watchHealth((scope) => {
            if (scope.kind === "service") this.#queue.add(`${scope.id.namespace}/${scope.id.name}`);
          }),
        );
  }

  /** Foreign load balancers only so that they are counted. */
  #concerns(service: Service): boolean {
    return service.spec?.type === "LoadBalancer" || holdersOf(service, this.#options.classes()).length > 0;
  }

  /** Behind what users change meanwhile. */
  #addOwned(): void {
    for (const service of this.#services.list())
      if (holdersOf(service, this.#options.classes()).length > 0)
        this.#queue.add(objectKey(service.metadata), initialPriority);
  }

  #onIgnored(service: Service): void {
    if (this.#addresses.holdsAny(service.metadata.uid ?? "")) this.#noteLeftover(this.#identity(service));
  }

  #noteLeftover(id: LbIdentity): void {
    this.#leftovers.note(id);
    this.#leftoverQueue.add(id.uid);
  }

  #identity({ metadata: { uid = "", namespace = "", name = "" } }: Service): LbIdentity {
    return { clusterId: this.#options.clusterId, uid, namespace, name };
  }

  /** Asks until the provider answers: without the answer an address could be given away twice. */
  async #listOwned(adapter: ProviderAdapter, signal: AbortSignal): Promise<readonly OwnedObject[]> {
    const { clusterId, clock, random, logger } = this.#options;
    const waits = new Backoff({ ...backoff, jitter: 0.2 }, random);
    for (;;) {
      try {
        return await Array.fromAsync(adapter.listOwned(clusterId, signal));
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        const retryMs = Math.round(waits.next());
        logger.warn("cannot list load balancers", { provider: adapter.name, why: errorMessage(error), retryMs });
        await sleep(retryMs, signal, clock);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}

/** That nothing may be written any more is no failure of the key: whoever writes next takes it up. */
async function unlessStopped(work: Promise<WorkResult>): Promise<WorkResult> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StoppedError || error instanceof FencedError) return {};
    throw error;
  }
}
