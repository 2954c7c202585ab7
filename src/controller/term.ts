import { type LoadBalancerClass, type Namespace, type Node, objectKey, type Service } from "../api/index.ts";
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
import { type Classes, classDiffers, type LbIdentity } from "../model/index.ts";
import type { Desired, OwnedObject, ProviderAdapter } from "../provider/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { ServiceAddresses } from "./addresses/service-addresses.ts";
import { Admission } from "./classes/admission.ts";
import { ClassReporter } from "./classes/class-reporter.ts";
import { ClassView } from "./classes/class-view.ts";
import { lastWish } from "./classes/retention.ts";
import { ProviderRunner } from "./engine/provider-runner.ts";
import { StoppedError } from "./engine/stopped-error.ts";
import { isHealthWatcher } from "./health.ts";
import { holdersOf, Leftovers } from "./leftovers.ts";
import { type ControllerMetrics, controllerMetrics, controllerName, measured } from "./metrics.ts";
import { NodeView } from "./nodes/node-view.ts";
import { ServiceReconciler } from "./service-reconciler.ts";
import { Reporter } from "./status/reporter.ts";

export interface TermOptions {
  readonly client: Pick<KubeClient, "get" | "list" | "listAll" | "mergePatch" | "watch">;
  readonly recorder: Pick<EventRecorder, "event">;
  readonly providers: readonly ProviderAdapter[];
  /** Those of flags; objects of the API server come on top. */
  readonly classes: Classes;
  readonly clusterId: string;
  readonly pool: AddressPool;
  readonly workers: number;
  readonly driftResyncMs: number;
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
}

/** As upstream's service controller, but quicker at first. */
const backoff = { baseMs: 1000, capMs: 300_000 } as const;
/** No look at one Service takes longer. */
const reconcileLimitMs = 600_000;

/** All that exists only while this process leads. */
export class Term implements Disposable {
  readonly #options: TermOptions;
  readonly #services: Store<Service>;
  readonly #classObjects: Store<LoadBalancerClass>;
  readonly #classes: ClassView;
  readonly #admission: Admission;
  readonly #classReporter: ClassReporter;
  readonly #nodes: NodeView;
  readonly #reporter: Reporter;
  readonly #queue: WorkQueue;
  readonly #leftoverQueue: WorkQueue;
  readonly #classQueue: WorkQueue;
  readonly #addresses: ServiceAddresses;
  readonly #reconciler: ServiceReconciler;
  readonly #leftovers: Leftovers;
  readonly #metrics: ControllerMetrics;
  readonly #held = new DisposableStack();

  constructor(options: TermOptions, stores: Stores, mayWrite: () => string | undefined) {
    const { client, recorder, clusterId, logger, metrics, clock, random } = options;
    const { services } = stores;
    this.#options = options;
    this.#services = services;
    this.#classObjects = stores.classes;
    this.#nodes = new NodeView(stores.nodes, clock);
    this.#classes = this.#held.use(new ClassView(options.classes, stores.classes));
    const classes = this.#classes.current;
    const providers = new Map(options.providers.map((adapter) => [adapter.name, adapter]));
    this.#metrics = controllerMetrics(metrics);
    this.#queue = this.#held.use(new WorkQueue({ name: controllerName, logger, metrics, clock, random, backoff }));
    this.#leftoverQueue = this.#held.use(new WorkQueue({ name: "leftovers", logger, metrics, clock, random, backoff }));
    this.#classQueue = this.#held.use(new WorkQueue({ name: "classes", logger, metrics, clock, random, backoff }));
    this.#classReporter = new ClassReporter({
      client,
      objects: stores.classes,
      view: this.#classes,
      mayWrite,
      clock,
    });
    this.#admission = new Admission({
      services,
      namespaces: stores.namespaces,
      classes,
      onChange: (key) => this.#queue.add(key, initialPriority),
    });
    this.#addresses = new ServiceAddresses(options.pool, (key) => this.#queue.add(key));
    const runner = new ProviderRunner(mayWrite, clock, logger);
    const shared = { client, providers, classes, addresses: this.#addresses, runner, logger };
    this.#reporter = new Reporter({ client, recorder, services, mayWrite, clock, logger });
    this.#leftovers = new Leftovers({ ...shared, onGone: (key) => this.#queue.add(key) });
    this.#reconciler = new ServiceReconciler({
      ...shared,
      services,
      nodes: this.#nodes,
      admission: this.#admission,
      reporter: this.#reporter,
      clusterId,
      onIgnored: (service) => this.#onIgnored(service),
      driftResyncMs: options.driftResyncMs,
      random,
      metrics: this.#metrics,
    });
  }

  /** Learns which addresses are in use and which load balancers have lost their Service, before anything is given. */
  async adopt(signal: AbortSignal): Promise<void> {
    const { providers, logger } = this.#options;
    const now = this.#classes.current();
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
    const judge: Work = (name) => unlessStopped(this.#classReporter.reconcile(name, end));
    await Promise.all([
      this.#queue.run(workers, reconcile, leading),
      this.#leftoverQueue.run(1, tearDown, leading),
      this.#classQueue.run(1, judge, leading),
    ]);
  }

  #subscribe(): void {
    const judgeAll = (): void => {
      for (const name of this.#classes.verdicts.keys()) this.#classQueue.add(name);
    };
    this.#held.use(this.#classObjects.subscribe({ add: judgeAll, update: judgeAll, delete: judgeAll }));
    this.#held.use(this.#classes.onChange((before, after) => this.#addDiffering(before, after)));
    this.#held.use(this.#admission.watch());
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
          this.#admission.leave(last);
          const { uid = "" } = last.metadata;
          if (holdersOf(last, this.#classes.current()).length > 0 || this.#addresses.holdsAny(uid))
            this.#noteGone(last);
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
    return service.spec?.type === "LoadBalancer" || holdersOf(service, this.#classes.current()).length > 0;
  }

  /** Behind what users change meanwhile. */
  #addOwned(): void {
    for (const service of this.#services.list())
      if (holdersOf(service, this.#classes.current()).length > 0)
        this.#queue.add(objectKey(service.metadata), initialPriority);
  }

  /** Those whose class is another now, or says something else. */
  #addDiffering(before: Classes, after: Classes): void {
    for (const service of this.#services.list())
      if (classDiffers(service, before, after)) this.#queue.add(objectKey(service.metadata), initialPriority);
  }

  #onIgnored(service: Service): void {
    const { uid = "", deletionTimestamp } = service.metadata;
    if (!this.#addresses.holdsAny(uid)) return;
    if (deletionTimestamp === undefined) this.#noteLeftover(this.#identity(service));
    else this.#noteGone(service);
  }

  #noteGone(service: Service): void {
    this.#noteLeftover(this.#identity(service), lastWish(service, this.#options.clusterId, this.#classes.current()));
  }

  #noteLeftover(id: LbIdentity, wish: Desired | null = null): void {
    this.#leftovers.note(id, wish);
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
