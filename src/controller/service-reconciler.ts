import { annotations, type LoadBalancerIngress, type Service } from "../api/index.ts";
import { assertNever, Backoff, type Random } from "../base/index.ts";
import { isConflict, isNotFound, type Store, type WorkResult } from "../kube/index.ts";
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
import { type Failure, type ProviderRunner, pollAfter } from "./engine/provider-runner.ts";
import { isHealthWatcher } from "./health.ts";
import { type ControllerMetrics, controllerName } from "./metrics.ts";
import type { NodeView } from "./nodes/node-view.ts";
import { concluded, failed, hindered, progress, refused, resting, withPortErrors } from "./status/findings.ts";
import type { Report, Reporter } from "./status/reporter.ts";
import { WriteError } from "./status/write-error.ts";

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
  readonly driftResyncMs: number;
  readonly runner: ProviderRunner;
  /** How long a key rests when it fails once more. */
  readonly backoffOf: (key: string) => number;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
}

/** A 409: the watch is about to bring what we did not know, and the key with it; unless it is stuck. */
const conflictBackoff = { baseMs: 200, capMs: 30_000 } as const;
/** How often to look whether targets have become healthy when the provider does not tell. */
const readyPollMs = 5000;

/** Makes one Service so: classify, then observe, plan and apply, then say how it went. Keeps no truth of its own. */
export class ServiceReconciler {
  readonly #options: ReconcilerOptions;
  /** By key: conflicts in a row. */
  readonly #conflicts = new Map<string, Backoff>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<WorkResult> {
    const service = this.#options.services.get(key);
    if (service === undefined) return {};
    let afterMs: number | undefined = this.#options.backoffOf(key);
    try {
      const result = await this.#serve(key, service, signal);
      afterMs = result.requeueAfterMs;
      return result;
    } finally {
      this.#options.reporter.nextTry(service, afterMs);
    }
  }

  async #serve(key: string, service: Service, signal: AbortSignal): Promise<WorkResult> {
    try {
      const result = await this.#look(key, service, signal);
      this.#conflicts.delete(key);
      return result;
    } catch (error) {
      // Deleted before we knew.
      if (isNotFound(error)) return {};
      if (isConflict(error)) return { requeueAfterMs: this.#conflictsOf(key).next() };
      if (!(error instanceof WriteError)) throw error;
      await this.#options.reporter.refused(service, error, signal);
      if (error.decision.kind === "backOff") throw error;
      return { requeueAfterMs: error.decision.forMs };
    }
  }

  async #look(key: string, service: Service, signal: AbortSignal): Promise<WorkResult> {
    const { classes, logger, metrics } = this.#options;
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
  }

  #conflictsOf(key: string): Backoff {
    const backoff = this.#conflicts.get(key) ?? new Backoff(conflictBackoff, this.#options.random);
    this.#conflicts.set(key, backoff);
    return backoff;
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
    if (wait !== undefined) {
      await reporter.rest(service, resting(provider), signal);
      return { requeueAfterMs: wait };
    }

    await reporter.hold(service, finalizers, signal);
    // A family that is only preferred may have got no address.
    const lb = adapter.capabilities.needsAddresses
      ? { ...wish.lb, addresses: claim.addresses, families: claim.addresses.map(({ family }) => family) }
      : wish.lb;
    return await this.#provide(key, adapter, { service, lb, nodes, issues: [...issues, ...claim.issues] }, signal);
  }

  async #provide(
    key: string,
    adapter: ProviderAdapter,
    { service, lb, nodes, issues }: Wanted,
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { runner, addresses, reporter } = this.#options;
    const isNew = ingressOf(service).length === 0;
    const attempt = await runner.attempt(
      adapter,
      lb.id,
      { kind: "service", lb, nodes: nodes.targets },
      {
        allowReplace: lb.annotations[annotations.allowReplace] === "true",
        mayGoOn: () => this.#changedUnder(key, lb.id),
        onStart: () => {
          if (isNew) reporter.ensuring(service);
        },
        signal,
      },
    );
    const { run, failure } = attempt;
    const names = nodes.targets.map(({ name }) => name);
    if (run === undefined) {
      const report = { findings: hindered(failed(failure)), failure, nodes: names };
      return await this.#afterFailure(service, adapter.name, failure, report, signal);
    }
    const status = adapter.status(lb, run.observed, null);
    const report: Report = {
      findings: concluded(run, failure, status, { lb, nodes, issues }),
      // While the address is being made anew the old one stays, as nobody can use another.
      ingress: status.ingress,
      seen: status,
      steps: run.outcomes.map(({ step }) => step),
      nodes: names,
      failure,
      changed: attempt.failure === undefined ? attempt.changed : undefined,
    };
    if (failure !== undefined) return await this.#afterFailure(service, adapter.name, failure, report, signal);
    await reporter.report(service, report, signal);
    if (run.replacement) return { requeueAfterMs: this.#driftMs() };
    if (!isConverged(run.plan)) return { requeueAfterMs: pollAfter(run) };
    addresses.release(lb.id.uid, lb.addresses);
    const poll = status.targets.ready === 0 && !isHealthWatcher(adapter);
    return { requeueAfterMs: poll ? readyPollMs : this.#driftMs() };
  }

  /** A provider that asked for a rest gets it, whether or not people can be told why. */
  async #afterFailure(
    service: Service,
    provider: string,
    failure: Failure,
    report: Report,
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { runner, reporter } = this.#options;
    const rest = failure.decision.kind === "backOff" ? undefined : runner.next(provider, failure);
    await reporter.report(service, report, signal);
    return rest ?? runner.next(provider, failure);
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
    const { providers, runner, reporter, logger, addresses, clusterId } = this.#options;
    const { uid = "", namespace = "", name = "" } = service.metadata;
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
    for (const provider of cleanup.providers) {
      const wait = runner.pauseOf(provider);
      if (wait !== undefined) return { requeueAfterMs: wait };
      const attempt = await runner.attempt(provided(providers, provider), { clusterId, uid, namespace, name }, null, {
        allowReplace: true,
        onStart: () => reporter.deleting(service),
        signal,
      });
      const steps = attempt.run?.outcomes.map(({ step }) => step) ?? [];
      const { failure } = attempt;
      if (failure !== undefined) {
        const report = { findings: { programmed: failed(failure) }, failure, steps, teardown: true };
        return await this.#afterFailure(service, provider, failure, report, signal);
      }
      if (!isConverged(attempt.run.plan)) {
        const report = { findings: { programmed: progress(attempt.run) }, steps, teardown: true };
        await reporter.report(service, report, signal);
        return { requeueAfterMs: pollAfter(attempt.run) };
      }
    }
    if (!(await reporter.release(service, cleanup, signal))) return {};
    addresses.release(uid);
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

  /** Jittered, so that a restart does not make all Services come back at one moment for ever. */
  #driftMs(): number {
    const { driftResyncMs, random } = this.#options;
    return driftResyncMs * (0.9 + 0.2 * random());
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
