import { annotations, type LoadBalancerIngress, type Service } from "../api/index.ts";
import { assertNever, errorMessage } from "../base/index.ts";
import { driftPriority, isConflict, isNotFound, type Store, type WorkResult } from "../kube/index.ts";
import {
  type Classes,
  type Classification,
  type Cleanup,
  classify,
  type DesiredLoadBalancer,
  desiredLoadBalancer,
  type LbIdentity,
  type NodeSet,
} from "../model/index.ts";
import { type Issue, isConverged, type ProviderAdapter, unsupported } from "../provider/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ServiceAddresses } from "./addresses/service-addresses.ts";
import { PanicError, panicReason } from "./engine/panic-error.ts";
import { type ProviderRunner, pollAfter } from "./engine/provider-runner.ts";
import type { ScopeReconciler } from "./engine/scope-reconciler.ts";
import { isHealthWatcher } from "./health.ts";
import { type ControllerMetrics, controllerName } from "./metrics.ts";
import type { NodeView } from "./nodes/node-view.ts";
import { deleted, deleting, ensuring } from "./status/announcements.ts";
import { concluded, failed, hindered, progress, refused, withPortErrors } from "./status/findings.ts";
import type { Reporter } from "./status/reporter.ts";

export interface ReconcilerOptions {
  readonly services: Store<Service>;
  readonly nodes: NodeView;
  readonly reporter: Reporter;
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderAdapter>;
  readonly classes: () => Classes;
  readonly clusterId: string;
  readonly addresses: ServiceAddresses;
  /** Called for each Service that is not ours: it may have been, and lost its finalizer. */
  readonly onIgnored: (service: Service) => void;
  /** A Service that is as it should be is looked at again after so long. */
  readonly driftMs: () => number;
  readonly runner: ProviderRunner;
  readonly scopes: ScopeReconciler;
  /** Called with `namespace/name` when something that the Service's load balancer waits for is done. */
  readonly onWake: (key: string) => void;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
}

/** A 409: the watch is about to bring what we did not know. */
const conflictRetryMs = 200;
/** How often to look whether targets have become healthy when the provider does not tell. */
const readyPollMs = 5000;

/** Makes one Service so: classify, then observe, plan and apply, then say how it went. Keeps no truth of its own. */
export class ServiceReconciler {
  readonly #options: ReconcilerOptions;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<WorkResult> {
    const { services, classes, logger, metrics } = this.#options;
    const service = services.get(key);
    if (service === undefined) return {};
    try {
      const found = classify(service, classes());
      switch (found.kind) {
        case "own":
          return await this.#ensure(key, service, found, signal);
        case "cleanup":
          return await this.#cleanUp(key, service, found, signal);
        case "ignore":
          metrics.ignored.inc({ cause: found.cause });
          logger.debug("service is not ours", {
            service: key,
            reason: found.cause,
            class: service.spec?.loadBalancerClass ?? "",
          });
          this.#options.onIgnored(service);
          return {};
        default:
          return assertNever(found, "classification");
      }
    } catch (error) {
      // Deleted before we knew.
      if (isNotFound(error)) return {};
      if (isConflict(error)) return { requeueAfterMs: conflictRetryMs };
      if (error instanceof PanicError) await this.#tellOf(error, service, signal);
      throw error;
    }
  }

  async #ensure(
    key: string,
    service: Service,
    { policy: { provider }, finalizers }: Extract<Classification, { kind: "own" }>,
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { providers, clusterId, addresses, metrics, reporter } = this.#options;
    const adapter = provided(providers, provider);
    metrics.syncs.inc();
    const wish = desiredLoadBalancer(service, clusterId);
    const issues = [...wish.issues, ...unsupported(wish.lb, adapter.capabilities), ...adapter.validate(wish.lb)];
    const refusals = issues.filter(({ severity }) => severity === "refuse");
    if (refusals.length > 0) return await this.#refuse(service, wish.lb, refusals, signal);

    const claim = adapter.capabilities.needsAddresses
      ? addresses.claim(key, service, wish.lb)
      : { addresses: [], issues: [] };
    if ("refusal" in claim) return await this.#refuse(service, wish.lb, [claim.refusal], signal);
    if ("blocked" in claim) {
      await reporter.report(service, { findings: hindered(claim.blocked) }, signal);
      return {};
    }
    const nodes = this.#options.nodes.eligible();
    const wait = this.#options.runner.pauseOf(provider) ?? this.#graceOf(service, nodes);
    if (wait !== undefined) return { requeueAfterMs: wait };

    await reporter.hold(service, finalizers, signal);
    // A family that is only preferred may have got no address.
    const lb = adapter.capabilities.needsAddresses
      ? { ...wish.lb, addresses: claim.addresses, families: claim.addresses.map(({ family }) => family) }
      : wish.lb;
    return await this.#provide(key, adapter, { service, lb, nodes, issues: [...issues, ...claim.issues] }, signal);
  }

  async #tellOf(panic: PanicError, service: Service, signal: AbortSignal): Promise<void> {
    const programmed = { status: false, reason: panicReason, message: errorMessage(panic) };
    await this.#options.reporter.report(service, { findings: { programmed } }, signal);
  }

  async #provide(
    key: string,
    adapter: ProviderAdapter,
    { service, lb, nodes, issues }: Wanted,
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { runner, scopes, addresses, reporter } = this.#options;
    const isNew = ingressOf(service).length === 0;
    const scope = { kind: "service", id: lb.id } as const;
    scopes.want(adapter, lb, nodes.targets, !isNew);
    const attempt = await runner.attempt(
      adapter,
      scope,
      { kind: "service", lb, nodes: nodes.targets },
      {
        allowReplace: lb.annotations[annotations.allowReplace] === "true",
        likelyDone: !isNew,
        mayGoOn: () => this.#changedUnder(key, lb.id),
        onStart: () => {
          if (isNew) reporter.announce(service, ensuring);
        },
        wake: () => this.#options.onWake(key),
        signal,
      },
    );
    const { run } = attempt;
    if (run === undefined) {
      await reporter.report(service, { findings: hindered(failed(attempt.failure)) }, signal);
      return runner.next(adapter.name, attempt.failure);
    }
    const members = await scopes.members(adapter, lb, signal);
    const failure = attempt.failure ?? members.failure;
    const status = adapter.status(lb, run.observed, members.observed);
    const rest = isConverged(run.plan) ? scopes.unfinished(adapter, lb) : undefined;
    const findings = concluded(rest?.run ?? run, failure ?? rest?.failure, status, { lb, nodes, issues });
    // While the address is being made anew the old one stays, as nobody can use another.
    const report = status.ingress.length > 0 ? { findings, ingress: status.ingress } : { findings };
    await reporter.report(service, report, signal, attempt.failure === undefined ? attempt.changed : undefined);
    if (failure !== undefined) return runner.next(adapter.name, failure);
    if (run.replacement) return this.#laterOn();
    if (!isConverged(run.plan)) return { requeueAfterMs: pollAfter(run) };
    addresses.release(lb.id.uid, lb.addresses);
    if (status.targets.ready > 0 || isHealthWatcher(adapter)) return this.#laterOn();
    for (const looked of adapter.scopes(lb)) runner.doubt(adapter.name, looked);
    return { requeueAfterMs: readyPollMs };
  }

  /** The load balancer, if there is one, stays as it is until the Service is changed. */
  async #refuse(
    service: Service,
    lb: DesiredLoadBalancer,
    issues: readonly Issue[],
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { metrics, reporter } = this.#options;
    metrics.refused.inc({ controller: controllerName });
    const ingress = withPortErrors(ingressOf(service), lb, issues);
    await reporter.report(service, { findings: refused(issues), ingress }, signal);
    return {};
  }

  async #cleanUp(key: string, service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<WorkResult> {
    const { providers, runner, scopes, reporter, logger, addresses, clusterId } = this.#options;
    const { uid = "", namespace = "", name = "" } = service.metadata;
    const id = { clusterId, uid, namespace, name };
    // A class can only change by way of another type, which wipes the ingress. Where ours is still there it is what we
    // serve that changed, and a flag must not cut off clients.
    if (cleanup.cause === "class" && ingressOf(service).some(({ ip = "" }) => addresses.holds(uid, ip))) {
      logger.warn("service keeps the load balancer of a class that is no longer served", {
        service: key,
        class: service.spec?.loadBalancerClass ?? "",
        why: "--load-balancer-class or --own-unclassed differ from before; restore them, or delete the Service",
      });
      return {};
    }
    let torn = false;
    for (const provider of cleanup.providers) {
      const wait = runner.pauseOf(provider);
      if (wait !== undefined) return { requeueAfterMs: wait };
      const adapter = provided(providers, provider);
      const membersGone = scopes.tearDown(adapter, id);
      const attempt = await runner.attempt(adapter, { kind: "service", id }, null, {
        allowReplace: true,
        onStart: () => reporter.announce(service, deleting),
        wake: () => this.#options.onWake(key),
        signal,
      });
      if (attempt.failure !== undefined) {
        await reporter.report(service, { findings: { programmed: failed(attempt.failure) } }, signal);
        return runner.next(provider, attempt.failure);
      }
      if (!isConverged(attempt.run.plan) || !membersGone) {
        await reporter.report(service, { findings: { programmed: progress(attempt.run) } }, signal);
        return { requeueAfterMs: pollAfter(attempt.run) };
      }
      torn ||= attempt.changed !== undefined;
    }
    if (!(await reporter.release(service, cleanup, signal))) return {};
    addresses.release(uid);
    for (const provider of cleanup.providers) scopes.forget(provided(providers, provider), id);
    if (torn) reporter.announce(service, deleted);
    logger.info("service let go", { service: key, reason: cleanup.cause });
    // Another provider of ours may be the next to take it.
    return cleanup.cause === "deleted" ? {} : { requeueAfterMs: 0 };
  }

  #changedUnder(key: string, { uid }: LbIdentity): string | undefined {
    const metadata = this.#options.services.get(key)?.metadata;
    if (metadata?.uid !== uid) return "the Service is gone";
    return metadata.deletionTimestamp === undefined ? undefined : "the Service is being deleted";
  }

  /** A load balancer that works is not emptied by a list of nodes that may not be all of it. */
  #graceOf(service: Service, { targets }: NodeSet): number | undefined {
    return targets.length > 0 || ingressOf(service).length === 0 ? undefined : this.#options.nodes.graceMs;
  }

  /** Nothing is to do until somebody says so; that it stays so is checked now and then. */
  #laterOn(): WorkResult {
    return { requeueAfterMs: this.#options.driftMs(), priority: driftPriority };
  }
}

interface Wanted {
  readonly service: Service;
  readonly lb: DesiredLoadBalancer;
  readonly nodes: NodeSet;
  readonly issues: readonly Issue[];
}

function provided(providers: ReadonlyMap<string, ProviderAdapter>, name: string): ProviderAdapter {
  const adapter = providers.get(name);
  if (adapter === undefined) throw new Error(`no provider ${name} runs here`);
  return adapter;
}

function ingressOf({ status }: Service): readonly LoadBalancerIngress[] {
  return status?.loadBalancer?.ingress ?? [];
}
