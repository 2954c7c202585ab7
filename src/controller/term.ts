import { type Node, objectKey, type Service } from "../api/index.ts";
import { Backoff, type Clock, errorMessage, isAbort, type Random, sleep } from "../base/index.ts";
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
import type { OwnedObject, ProviderAdapter, ScopeKey } from "../provider/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { ServiceAddresses } from "./addresses/service-addresses.ts";
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
import { NodeView } from "./nodes/node-view.ts";
import { ServiceReconciler } from "./service-reconciler.ts";
import { Reporter } from "./status/reporter.ts";

export interface TermOptions {
  readonly client: Pick<KubeClient, "get" | "list" | "listAll" | "mergePatch" | "watch">;
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

/** As upstream's service controller, but quicker at first. */
const backoff = { baseMs: 1000, capMs: 300_000 } as const;

/** All that exists only while this process leads. */
export class Term implements Disposable {
  readonly #options: TermOptions;
  readonly #services: Store<Service>;
  readonly #nodes: NodeView;
  readonly #reporter: Reporter;
  readonly #queue: WorkQueue;
  readonly #scopeQueue: WorkQueue;
  readonly #leftoverQueue: WorkQueue;
  /** By name. */
  readonly #providers: ReadonlyMap<string, GuardedAdapter>;
  readonly #runner: ProviderRunner;
  readonly #scopes: ScopeReconciler;
  readonly #addresses: ServiceAddresses;
  readonly #reconciler: ServiceReconciler;
  readonly #leftovers: Leftovers;
  readonly #metrics: ControllerMetrics;
  readonly #held = new DisposableStack();

  constructor(options: TermOptions, services: Store<Service>, nodes: Store<Node>, mayWrite: () => string | undefined) {
    const { client, recorder, clusterId, classes, logger, metrics, clock, random } = options;
    this.#options = options;
    this.#services = services;
    this.#nodes = new NodeView(nodes, clock);
    this.#metrics = controllerMetrics(metrics);
    const newQueue = (name: ControllerName): WorkQueue =>
      this.#held.use(new WorkQueue({ name, logger, metrics, clock, random, backoff }));
    this.#queue = newQueue(controllerName);
    this.#scopeQueue = newQueue("scopes");
    this.#leftoverQueue = newQueue("leftovers");
    this.#addresses = new ServiceAddresses(options.pool, (key) => this.#queue.add(key));
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
      nodes: () => this.#nodes.eligible().targets,
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
    this.#reporter = new Reporter({ client, recorder, services, mayWrite, clock, logger });
    this.#leftovers = new Leftovers({ ...shared, onGone: (key) => this.#queue.add(key) });
    this.#reconciler = new ServiceReconciler({
      ...shared,
      services,
      nodes: this.#nodes,
      reporter: this.#reporter,
      clusterId,
      onIgnored: (service) => this.#onIgnored(service),
      onWake: (key) => this.#queue.add(key),
      driftMs,
      metrics: this.#metrics,
    });
  }

  /** Learns which addresses are in use and which load balancers have lost their Service, before anything is given. */
  async adopt(signal: AbortSignal): Promise<void> {
    const { classes, logger } = this.#options;
    const now = classes();
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
