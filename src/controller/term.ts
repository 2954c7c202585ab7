import { objectKey, type Service } from "../api/index.ts";
import {
  driftPriority,
  FencedError,
  initialPriority,
  type Work,
  type WorkQueue,
  type WorkResult,
} from "../kube/index.ts";
import { type Classes, classDiffers } from "../model/index.ts";
import type { ScopeKey } from "../provider/index.ts";
import { adopt } from "./adoption.ts";
import { LaterError } from "./engine/later-error.ts";
import { withinLimit } from "./engine/reconcile-limit.ts";
import { StoppedError } from "./engine/stopped-error.ts";
import { isHealthWatcher } from "./health.ts";
import { holdersOf } from "./leftovers.ts";
import { type ControllerMetrics, type ControllerName, controllerName, measured } from "./metrics.ts";
import type { Stores, TermOptions } from "./term-options.ts";
import { assemble, type TermParts } from "./term-parts.ts";

/** All that is done only while this process leads: what changes makes work, and the work is done. */
export class Term implements Disposable {
  readonly #options: TermOptions;
  readonly #stores: Stores;
  readonly #held = new DisposableStack();
  /** For people to look at. */
  readonly parts: TermParts;

  constructor(options: TermOptions, stores: Stores, metrics: ControllerMetrics, mayWrite: () => string | undefined) {
    this.#options = options;
    this.#stores = stores;
    this.parts = assemble({ options, stores, metrics, mayWrite, held: this.#held });
  }

  /** Learns what there is, before anything is given or made. */
  async adopt(signal: AbortSignal): Promise<void> {
    await adopt(this.#options, this.#stores.services, this.parts, signal);
  }

  /** Until `leading` aborts; `end` aborts the work that is at hand then. */
  async run(workers: number, leading: AbortSignal, end: AbortSignal): Promise<void> {
    const { queues, metrics, scopes, leftovers, classReporter, poolStatus, records, orphans } = this.parts;
    this.#subscribe();
    const work = (name: ControllerName, queue: WorkQueue, by: Reconciler, atOnce: number): Promise<void> => {
      metrics.maxWorkers.set({ controller: name }, atOnce);
      return queue.run(atOnce, this.#limited(name, by, end), leading);
    };
    await Promise.all([
      work(controllerName, queues.services, this.#services, workers),
      work("scopes", queues.scopes, scopes, workers),
      work("leftovers", queues.leftovers, leftovers, 1),
      work("classes", queues.classes, classReporter, 1),
      poolStatus.run(leading, end),
      records.run(leading),
      orphans.run(leading),
    ]);
  }

  get #services(): Reconciler {
    const { reconciler, nodeSyncs } = this.parts;
    return { reconcile: (key, signal) => nodeSyncs.measure(key, () => reconciler.reconcile(key, signal)) };
  }

  #limited(name: ControllerName, by: Reconciler, end: AbortSignal): Work {
    const { clock } = this.#options;
    return (key) =>
      measured(this.parts.metrics, name, () =>
        withinLimit(key, end, clock, (signal) => unlessStopped(by.reconcile(key, signal))),
      );
  }

  #subscribe(): void {
    const { queues, classes, admission, poolFollower, providers } = this.parts;
    const held = this.#held;
    // First of all, so that nothing is given away that another controller's Service has.
    if (poolFollower !== undefined) held.use(poolFollower.follow());
    const judgeAll = (): void => {
      for (const name of classes.verdicts.keys()) queues.classes.add(name);
    };
    held.use(this.#stores.classes.subscribe({ add: judgeAll, update: judgeAll, delete: judgeAll }));
    held.use(classes.onChange((before, after) => this.#addDiffering(before, after)));
    held.use(admission.watch());
    held.use(this.#followServices());
    for (const adapter of providers.values())
      if (isHealthWatcher(adapter)) held.use(adapter.watchHealth((scope) => this.#onHealth(adapter.name, scope)));
  }

  #followServices(): Disposable {
    const { queues, reporter, nodes, admission, leftovers } = this.parts;
    return this.#stores.services.subscribe({
      add: (service, initial) => {
        if (this.#concerns(service)) queues.services.add(objectKey(service.metadata), initial ? initialPriority : 0);
      },
      update: (before, after) => {
        if (reporter.wrote(after)) return;
        if (this.#concerns(before) || this.#concerns(after)) queues.services.add(objectKey(after.metadata));
      },
      delete: (last) => {
        reporter.forget(last);
        nodes.forget(objectKey(last.metadata));
        admission.leave(last);
        leftovers.gone(last);
      },
    });
  }

  #onHealth(provider: string, scope: ScopeKey): void {
    const { runner, queues } = this.parts;
    runner.doubt(provider, scope);
    if (scope.kind !== "shared") queues.services.add(`${scope.id.namespace}/${scope.id.name}`);
  }

  /** Foreign load balancers only so that they are counted. */
  #concerns(service: Service): boolean {
    return service.spec?.type === "LoadBalancer" || holdersOf(service, this.parts.classes.current()).length > 0;
  }

  /** Those whose class is another now, or says something else. */
  #addDiffering(before: Classes, after: Classes): void {
    for (const service of this.#stores.services.list())
      if (classDiffers(service, before, after))
        this.parts.queues.services.add(objectKey(service.metadata), initialPriority);
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}

interface Reconciler {
  reconcile(key: string, signal: AbortSignal): Promise<WorkResult>;
}

/** That nothing may be written any more is no failure of the key: whoever writes next takes it up. */
async function unlessStopped(work: Promise<WorkResult>): Promise<WorkResult> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof LaterError) return { requeueAfterMs: error.afterMs, priority: driftPriority };
    if (error instanceof StoppedError || error instanceof FencedError) return {};
    throw error;
  }
}
