import { type Service, services } from "../api/index.ts";
import { assertNever } from "../base/index.ts";
import { isNotFound, type KubeClient, type WorkResult } from "../kube/index.ts";
import { type Classes, classify, type LbIdentity } from "../model/index.ts";
import { type Desired, isConverged, type ProviderAdapter } from "../provider/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ServiceAddresses } from "./addresses/service-addresses.ts";
import { lastWish } from "./classes/retention.ts";
import { type Failure, type ProviderRunner, pollAfter } from "./engine/provider-runner.ts";
import type { ScopeReconciler } from "./engine/scope-reconciler.ts";

export interface LeftoversOptions {
  readonly client: Pick<KubeClient, "get">;
  readonly providers: ReadonlyMap<string, ProviderAdapter>;
  readonly classes: () => Classes;
  readonly addresses: ServiceAddresses;
  readonly runner: ProviderRunner;
  readonly scopes: ScopeReconciler;
  readonly clusterId: string;
  /** Whether what the Service of this UID has left behind is a matter of the sweep: it was found, not seen to be left. */
  readonly isOrphan: (uid: string) => boolean;
  /** Called with the UID of each that is known from now on. */
  readonly onNoted: (uid: string) => void;
  /** Called with `namespace/name`: a Service may have come back to it meanwhile. */
  readonly onGone: (key: string) => void;
  /** Called at each failure: nobody else can tell of it. */
  readonly onStuck: (id: LbIdentity, failure: Failure) => void;
  readonly logger: Logger;
}

/**
 * Load balancers of ours whose Service is gone, or does not want them and has lost the finalizer that would say so.
 * Keyed by the Service's UID. Nothing is torn down before the API server itself has said that it is one.
 */
export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #known = new Map<string, Leftover>();

  constructor(options: LeftoversOptions) {
    this.#options = options;
  }

  /** `wish`: what its Service wanted to become of it; null: it goes. */
  note(id: LbIdentity, wish: Desired | null = null): void {
    this.#known.set(id.uid, { id, wish });
    this.#options.onNoted(id.uid);
  }

  /** The Service is gone, or goes with nothing to hold it: what it leaves becomes what it wanted. */
  gone(service: Service): void {
    const { classes, clusterId } = this.#options;
    if (holdersOf(service, classes()).length > 0 || this.#leaves(service))
      this.note(this.#identity(service), lastWish(service, clusterId, classes()));
  }

  /** The Service is not ours, though it may have been. */
  ignored(service: Service): void {
    if (!this.#leaves(service)) return;
    const { classes, clusterId } = this.#options;
    if (service.metadata.deletionTimestamp !== undefined) this.gone(service);
    // Who leaves has left it as it wanted.
    else if (classes().areLeft !== true || lastWish(service, clusterId, classes()) === null)
      this.note(this.#identity(service));
  }

  /** Whose load balancers are not gone yet. */
  get left(): readonly LbIdentity[] {
    return [...this.#known.values()].map(({ id }) => id);
  }

  knows({ uid }: LbIdentity): boolean {
    return this.#known.has(uid);
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<WorkResult> {
    const { providers, addresses, onGone } = this.#options;
    const known = this.#known.get(uid);
    if (known === undefined) return {};
    const { id, wish } = known;
    const holders = await this.#holders(id, signal);
    for (const adapter of providers.values()) {
      if (holders.includes(adapter.name)) continue;
      const over = await this.#settle(adapter, known, signal);
      if (over !== undefined) return over;
    }
    this.#known.delete(uid);
    if (holders.length === 0 && wish === null) addresses.release(uid);
    onGone(`${id.namespace}/${id.name}`);
    return {};
  }

  #leaves({ metadata: { uid = "" } }: Service): boolean {
    const { addresses, isOrphan } = this.#options;
    return addresses.holdsAny(uid) && !isOrphan(uid);
  }

  #identity({ metadata: { uid = "", namespace = "", name = "" } }: Service): LbIdentity {
    return { clusterId: this.#options.clusterId, uid, namespace, name };
  }

  /** Undefined when it is as its Service wanted it to be left. */
  async #settle(
    adapter: ProviderAdapter,
    { id, wish }: Leftover,
    signal: AbortSignal,
  ): Promise<WorkResult | undefined> {
    const { runner, scopes, onStuck, logger } = this.#options;
    const wait = runner.pauseOf(adapter.name);
    if (wait !== undefined) return { requeueAfterMs: wait };
    const about = { service: `${id.namespace}/${id.name}`, key: id.uid, provider: adapter.name };
    const membersGone = wish !== null || scopes.tearDown(adapter, id);
    const key = { kind: "service", id } as const;
    const { run, failure } = await runner.attempt(adapter, key, wish, {
      allowReplace: true,
      onStart: () => logger.warn("load balancer has no service", about),
      signal,
    });
    if (failure === undefined) {
      if (!isConverged(run.plan) || !membersGone) return { requeueAfterMs: pollAfter(run) };
      scopes.forget(adapter, id);
      return undefined;
    }
    logger.warn("load balancer without a service stays", {
      ...about,
      reason: failure.decision.reason,
      err: failure.error,
    });
    onStuck(id, failure);
    return runner.next(adapter.name, failure);
  }

  /** The providers that serve or clean up this very Service, says the API server now. */
  async #holders({ namespace, name, uid }: LbIdentity, signal: AbortSignal): Promise<readonly string[]> {
    let service: Service;
    try {
      service = await this.#options.client.get(services, { namespace, name }, signal);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
    return service.metadata.uid === uid ? holdersOf(service, this.#options.classes()) : [];
  }
}

interface Leftover {
  readonly id: LbIdentity;
  readonly wish: Desired | null;
}

/** The providers whose business the Service is, now or until they have cleaned up. */
export function holdersOf(service: Service, classes: Classes): readonly string[] {
  const found = classify(service, classes);
  switch (found.kind) {
    case "own":
      return [found.policy.provider];
    case "cleanup":
      return found.providers;
    case "ignore":
      return [];
    default:
      return assertNever(found, "classification");
  }
}
