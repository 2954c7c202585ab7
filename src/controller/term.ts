import {
  type IPAddressPool,
  type Lease,
  type LoadBalancerClass,
  type LoadBalancerRecord,
  type Namespace,
  type Node,
  objectKey,
  type Service,
} from "../api/index.ts";
import { Backoff, type Clock, errorMessage, isAbort, type Random, sleep } from "../base/index.ts";
import type { AddressPool, PoolUsage } from "../ipam/index.ts";
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
import type { Desired, OwnedObject, ProviderAdapter, ScopeKey } from "../provider/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { PoolFollower } from "./addresses/pool-follower.ts";
import { PoolStatusWriter } from "./addresses/pool-status-writer.ts";
import { ServiceAddresses } from "./addresses/service-addresses.ts";
import { Admission } from "./classes/admission.ts";
import { ClassReporter } from "./classes/class-reporter.ts";
import { ClassView } from "./classes/class-view.ts";
import { lastWish } from "./classes/retention.ts";
import { Circuit } from "./engine/circuit.ts";
import { GuardedAdapter } from "./engine/guarded-adapter.ts";
import { ProviderRunner } from "./engine/provider-runner.ts";
import { withinLimit } from "./engine/reconcile-limit.ts";
import { ScopeReconciler } from "./engine/scope-reconciler.ts";
import { ScopeUsers } from "./engine/scope-users.ts";
import { Snapshots } from "./engine/snapshots.ts";
import { StoppedError } from "./engine/stopped-error.ts";
import { isHealthWatcher } from "./health.ts";
import { holdersOf, Leftovers } from "./leftovers.ts";
import { type ControllerMetrics, type ControllerName, controllerMetrics, controllerName, measured } from "./metrics.ts";
import { type NodePortSettings, NodePorts } from "./node-ports/node-ports.ts";
import type { SliceStore } from "./nodes/endpoint-nodes.ts";
import { ServiceNodes } from "./nodes/service-nodes.ts";
import { Provisioner } from "./services/provisioner.ts";
import { ServiceReconciler } from "./services/service-reconciler.ts";
import { Teardown } from "./services/teardown.ts";
import { Records } from "./status/records.ts";
import { Reporter } from "./status/reporter.ts";
import { ServiceStates } from "./status/service-states.ts";

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
  readonly nodePorts: NodePortSettings;
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
  readonly pools: Store<IPAddressPool>;
  /** Undefined when no provider asks where endpoints are. */
  readonly slices: SliceStore | undefined;
  /** Undefined when no provider depends on agents. */
  readonly agents: Store<Lease> | undefined;
  readonly records: Store<LoadBalancerRecord>;
}

/** As upstream's service controller, but quicker at first. */
const backoff = { baseMs: 1000, capMs: 300_000 } as const;

/** All that exists only while this process leads. */
export class Term implements Disposable {
  readonly #options: TermOptions;
  readonly #services: Store<Service>;
  readonly #classObjects: Store<LoadBalancerClass>;
  readonly #classes: ClassView;
  readonly #admission: Admission;
  readonly #classReporter: ClassReporter;
  readonly #nodes: ServiceNodes;
  readonly #records: Records;
  readonly #reporter: Reporter;
  readonly #queue: WorkQueue;
  readonly #scopeQueue: WorkQueue;
  readonly #leftoverQueue: WorkQueue;
  readonly #classQueue: WorkQueue;
  /** By name. */
  readonly #providers: ReadonlyMap<string, GuardedAdapter>;
  readonly #runner: ProviderRunner;
  readonly #scopes: ScopeReconciler;
  readonly #addresses: ServiceAddresses;
  readonly #poolFollower: PoolFollower;
  readonly #poolStatus: PoolStatusWriter;
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
    this.#classes = this.#held.use(new ClassView(options.classes, stores.classes));
    const classes = this.#classes.current;
    this.#metrics = controllerMetrics(metrics);
    const newQueue = (name: ControllerName): WorkQueue =>
      this.#held.use(new WorkQueue({ name, logger, metrics, clock, random, backoff }));
    this.#queue = newQueue(controllerName);
    this.#scopeQueue = newQueue("scopes");
    this.#leftoverQueue = newQueue("leftovers");
    this.#classQueue = newQueue("classes");
    // Behind what users change meanwhile.
    const onNodes = (key: string): void => this.#queue.add(key, initialPriority);
    this.#nodes = this.#held.use(new ServiceNodes({ ...stores, onChange: onNodes, clock }));
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
    this.#addresses = new ServiceAddresses({
      namespaces: stores.namespaces,
      onFree: (key) => this.#queue.add(key),
      onChange: () => this.#poolStatus.touch(),
    });
    this.#poolFollower = new PoolFollower({
      ...stores,
      pool: options.pool,
      addresses: this.#addresses,
      isServed: (service) => this.#usesPools(service),
      onStatus: () => this.#poolStatus.touch(),
    });
    const usageOf = (pool: string): PoolUsage | undefined => this.#addresses.usageOf(pool);
    this.#poolStatus = new PoolStatusWriter({ client, pools: stores.pools, usageOf, mayWrite, clock, random, logger });
    const circuit = new Circuit(clock, logger);
    this.#providers = new Map(options.providers.map((adapter) => [adapter.name, new GuardedAdapter(adapter, circuit)]));
    const users = new ScopeUsers(services, classes, clusterId);
    const snapshots = new Snapshots(clock, logger, (adapter) => users.scopesOf(adapter));
    // Jittered, so that a restart does not make all of them come back at one moment for ever.
    const driftMs = (): number => options.driftResyncMs * (0.9 + 0.2 * random());
    const checkAfterMs = options.driftResyncMs * 0.9;
    this.#runner = new ProviderRunner({ mayWrite, circuit, snapshots, checkAfterMs, clock, logger });
    this.#scopes = new ScopeReconciler({
      runner: this.#runner,
      users,
      queue: this.#scopeQueue,
      nodes: (capabilities) => this.#nodes.all(capabilities),
      onChange: (ids) => this.#onScopeChange(ids),
      driftMs,
      clock,
    });
    const shared = {
      client,
      providers: this.#providers,
      classes,
      addresses: this.#addresses,
      runner: this.#runner,
      scopes: this.#scopes,
      logger,
    };
    const onRefused = (...refusal: Parameters<Reporter["recordRefused"]>): void =>
      this.#reporter.recordRefused(...refusal);
    this.#records = this.#held.use(
      new Records({ client, store: stores.records, mayWrite, onRefused, clock, random, logger, metrics }),
    );
    this.#reporter = new Reporter({
      client,
      recorder,
      services,
      records: this.#records,
      states: new ServiceStates(this.#metrics.serviceStates, this.#metrics.timeToReady, clock),
      mayWrite,
      clock,
      logger,
    });
    this.#leftovers = new Leftovers({
      ...shared,
      onGone: (key) => this.#queue.add(key),
      onStuck: (id, failure) => this.#reporter.stuck(id, failure),
    });
    const forServices = {
      ...shared,
      services,
      nodes: this.#nodes,
      admission: this.#admission,
      nodePorts: new NodePorts({ ...options.nodePorts, services, reporter: this.#reporter, logger }),
      reporter: this.#reporter,
      clusterId,
      driftMs,
      onWake: (key: string) => this.#queue.add(key),
    };
    this.#reconciler = new ServiceReconciler({
      ...forServices,
      provisioner: new Provisioner(forServices),
      teardown: new Teardown(forServices),
      backoffOf: (key) => Math.min(backoff.capMs, backoff.baseMs * 2 ** this.#queue.failures(key)),
      onIgnored: (service) => this.#onIgnored(service),
      random,
      metrics: this.#metrics,
    });
  }

  /** Learns which addresses are in use and which load balancers have lost their Service, before anything is given. */
  async adopt(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const now = this.#classes.current();
    const holders = new Map(
      this.#services.list().map((service) => [service.metadata.uid ?? "", holdersOf(service, now)]),
    );
    for (const adapter of this.#providers.values()) {
      const owned = await this.#listOwned(adapter, signal);
      const lost = new Map<string, LbIdentity>();
      for (const object of owned) {
        const { scope, retained, addresses } = object;
        this.#scopes.note(adapter, object);
        if (scope.kind === "shared") continue;
        this.#addresses.adoptOwned(scope.id.uid, addresses);
        if (!retained && holders.get(scope.id.uid)?.includes(adapter.name) !== true) lost.set(scope.id.uid, scope.id);
      }
      const most = Math.max(5, Math.floor(owned.length / 10));
      for (const id of [...lost.values()].slice(0, most)) this.#noteLeftover(id);
      if (lost.size > most)
        logger.warn("more load balancers without a service than are torn down at one start", {
          provider: adapter.name,
          count: lost.size,
          why: `only ${most} go, as many at once may mean that this is not the cluster that made them`,
        });
    }
    this.#addresses.adoptStatuses(
      this.#services.list().filter(({ metadata }) => (holders.get(metadata.uid ?? "") ?? []).length > 0),
    );
    this.#nodes.adopt(this.#services.list());
    for (const service of this.#services.list()) this.#reconciler.adopt(service);
  }

  /** Until `leading` aborts; `end` aborts the work that is at hand then. */
  async run(workers: number, leading: AbortSignal, end: AbortSignal): Promise<void> {
    this.#subscribe();
    const { clock } = this.#options;
    this.#metrics.maxWorkers.set({ controller: controllerName }, workers);
    const limited =
      (name: ControllerName, reconcile: (key: string, signal: AbortSignal) => Promise<WorkResult>): Work =>
      (key) =>
        measured(this.#metrics, name, () =>
          withinLimit(key, end, clock, (signal) => unlessStopped(reconcile(key, signal))),
        );
    await Promise.all([
      this.#queue.run(workers, limited(controllerName, this.#reconciler.reconcile.bind(this.#reconciler)), leading),
      this.#scopeQueue.run(workers, limited("scopes", this.#scopes.reconcile.bind(this.#scopes)), leading),
      this.#leftoverQueue.run(1, limited("leftovers", this.#leftovers.reconcile.bind(this.#leftovers)), leading),
      this.#classQueue.run(1, limited("classes", this.#classReporter.reconcile.bind(this.#classReporter)), leading),
      this.#poolStatus.run(leading, end),
      this.#records.run(leading),
    ]);
  }

  #subscribe(): void {
    // First of all, so that nothing is given away that another controller's Service has.
    if (this.#poolProviders.length > 0) this.#held.use(this.#poolFollower.follow());
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
          this.#nodes.forget(objectKey(last.metadata));
          this.#admission.leave(last);
          const { uid = "" } = last.metadata;
          if (holdersOf(last, this.#classes.current()).length > 0 || this.#addresses.holdsAny(uid))
            this.#noteGone(last);
        },
      }),
    );
    for (const adapter of this.#providers.values())
      if (isHealthWatcher(adapter)) this.#held.use(adapter.watchHealth((scope) => this.#onHealth(adapter.name, scope)));
  }

  #onHealth(provider: string, scope: ScopeKey): void {
    this.#runner.doubt(provider, scope);
    if (scope.kind !== "shared") this.#queue.add(`${scope.id.namespace}/${scope.id.name}`);
  }

  #onScopeChange(ids: readonly LbIdentity[]): void {
    for (const id of ids)
      if (this.#leftovers.knows(id)) this.#leftoverQueue.add(id.uid);
      else this.#queue.add(`${id.namespace}/${id.name}`);
  }

  #usesPools(service: Service): boolean {
    const holders = holdersOf(service, this.#classes.current());
    return this.#poolProviders.some((name) => holders.includes(name));
  }

  /** Names of the providers that take addresses from pools; without one, pools are no business of ours. */
  get #poolProviders(): readonly string[] {
    return this.#options.providers.filter(({ capabilities }) => capabilities.needsAddresses).map(({ name }) => name);
  }

  /** Foreign load balancers only so that they are counted. */
  #concerns(service: Service): boolean {
    return service.spec?.type === "LoadBalancer" || holdersOf(service, this.#classes.current()).length > 0;
  }

  /** Those whose class is another now, or says something else. */
  #addDiffering(before: Classes, after: Classes): void {
    for (const service of this.#services.list())
      if (classDiffers(service, before, after)) this.#queue.add(objectKey(service.metadata), initialPriority);
  }

  #onIgnored(service: Service): void {
    this.#reporter.ignored(service);
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
