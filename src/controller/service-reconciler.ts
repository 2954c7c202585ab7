import { annotations, type LoadBalancerIngress, type Service } from "../api/index.ts";
import { assertNever, Backoff, type Random } from "../base/index.ts";
import { driftPriority, isConflict, isNotFound, type Store, type WorkResult } from "../kube/index.ts";
import {
  type Classes,
  type Classification,
  type ClassPolicy,
  type Cleanup,
  classify,
  type DesiredLoadBalancer,
  deletionPolicyOf,
  desiredLoadBalancer,
  isPaused,
  type LbIdentity,
  type NodeSet,
} from "../model/index.ts";
import { decide, type Issue, isConverged, type ProviderAdapter, unsupported } from "../provider/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ServiceAddresses } from "./addresses/service-addresses.ts";
import type { Admission } from "./classes/admission.ts";
import { isInUse } from "./classes/kept.ts";
import { retained } from "./classes/retention.ts";
import { PanicError, panicReason } from "./engine/panic-error.ts";
import { type Failure, type ProviderRunner, pollAfter } from "./engine/provider-runner.ts";
import type { ScopeReconciler } from "./engine/scope-reconciler.ts";
import { isHealthWatcher } from "./health.ts";
import { type ControllerMetrics, controllerName } from "./metrics.ts";
import type { NodePorts } from "./node-ports/node-ports.ts";
import type { NodeView } from "./nodes/node-view.ts";
import type { Findings } from "./status/conditions.ts";
import {
  concluded,
  failed,
  fateUnknown,
  hindered,
  paused,
  progress,
  refused,
  resting,
  unserved,
  withPortErrors,
} from "./status/findings.ts";
import type { Report, Reporter } from "./status/reporter.ts";
import { WriteError } from "./status/write-error.ts";

export interface ReconcilerOptions {
  readonly services: Store<Service>;
  readonly nodes: NodeView;
  readonly nodePorts: NodePorts;
  readonly reporter: Reporter;
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderAdapter>;
  readonly classes: () => Classes;
  readonly admission: Admission;
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
  /** How long a key rests when it fails once more. */
  readonly backoffOf: (key: string) => number;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
}

/** A 409: the watch is about to bring what we did not know, and the key with it; unless it is stuck. */
const conflictBackoff = { baseMs: 200, capMs: 30_000 } as const;
/** The watch of namespaces is a little behind that of Services. */
const namespaceRetryMs = 1000;
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
      if (error instanceof PanicError) await this.#tellOf(error, service, signal);
      if (!(error instanceof WriteError)) throw error;
      await this.#options.reporter.refused(service, error, signal);
      if (error.decision.kind === "backOff") throw error;
      return { requeueAfterMs: error.decision.forMs };
    }
  }

  async #look(key: string, service: Service, signal: AbortSignal): Promise<WorkResult> {
    const { classes, logger, metrics } = this.#options;
    const found = classify(service, classes());
    if (found.kind !== "ignore" && isPaused(service, found.policy))
      return await this.#say(service, { programmed: paused }, signal);
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
    { policy, finalizers }: Extract<Classification, { kind: "own" }>,
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { providers, clusterId, addresses, admission, nodePorts, metrics, reporter } = this.#options;
    const adapter = provided(providers, policy.provider);
    metrics.syncs.inc();
    if (!admission.knows(service, policy)) return { requeueAfterMs: namespaceRetryMs };
    const wish = desiredLoadBalancer(service, clusterId, policy);
    // What we set ourselves is not missing.
    const can = nodePorts.ensures(policy, adapter.capabilities)
      ? { ...adapter.capabilities, needsNodePorts: false }
      : adapter.capabilities;
    const issues = [...wish.issues, ...unsupported(wish.lb, can), ...adapter.validate(wish.lb)];
    const refusals = [...admission.objectionsTo(service, policy), ...issues.filter(isRefusal)];
    if (refusals.length > 0) return await this.#refuse(service, wish.lb, refusals, signal);
    const tooMany = admission.enter(key, service, policy);
    if (tooMany !== undefined) return await this.#refuse(service, wish.lb, [tooMany], signal);

    const claim = adapter.capabilities.needsAddresses
      ? addresses.claim(key, service, wish.lb, policy.loadBalancerClass)
      : { addresses: [], issues: [] };
    if ("refusal" in claim) return await this.#refuse(service, wish.lb, [claim.refusal], signal);
    if ("blocked" in claim) return await this.#say(service, hindered(claim.blocked, wish.warnings), signal);
    const nodes = this.#options.nodes.eligible();
    const wait = this.#options.runner.pauseOf(policy.provider) ?? this.#graceOf(service, nodes);
    if (wait !== undefined) {
      await reporter.rest(service, hindered(resting(policy.provider), wish.warnings), signal);
      return { requeueAfterMs: wait };
    }

    await reporter.hold(service, finalizers, signal);
    // Behind the finalizer, so that whoever lets the Service go knows that there may be some.
    const settled = await nodePorts.settle(service, policy, adapter.capabilities, signal);
    if (settled.kind === "changed") return { requeueAfterMs: 0 };
    if (settled.kind === "hindered") {
      await reporter.report(service, { findings: hindered(settled.programmed, wish.warnings) }, signal);
      return { requeueAfterMs: settled.retryMs };
    }
    // A family that is only preferred may have got no address.
    const lb = adapter.capabilities.needsAddresses
      ? { ...wish.lb, addresses: claim.addresses, families: claim.addresses.map(({ family }) => family) }
      : wish.lb;
    const { warnings } = wish;
    const wanted = { service, policy, lb, nodes, issues: [...issues, ...claim.issues], warnings };
    return await this.#provide(key, adapter, wanted, signal);
  }

  async #tellOf(panic: PanicError, service: Service, signal: AbortSignal): Promise<void> {
    const failure: Failure = { error: panic, decision: { kind: "backOff", reason: panicReason }, what: undefined };
    await this.#options.reporter.report(service, { findings: { programmed: failed(failure) }, failure }, signal);
  }

  async #provide(
    key: string,
    adapter: ProviderAdapter,
    { service, policy, lb, nodes, issues, warnings }: Wanted,
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
        mayGoOn: () => this.#changedUnder(key, lb.id, policy),
        likelyDone: !isNew,
        onStart: () => {
          if (isNew) reporter.ensuring(service);
        },
        wake: () => this.#options.onWake(key),
        signal,
      },
    );
    const names = nodes.targets.map(({ name }) => name);
    if (attempt.run === undefined) {
      const { failure } = attempt;
      const report = { findings: hindered(failed(failure), warnings), failure, nodes: names };
      return await this.#afterFailure(service, adapter.name, failure, report, signal);
    }
    const { run } = attempt;
    const members = await scopes.members(adapter, lb, signal);
    const failure = attempt.failure ?? members.failure;
    const status = adapter.status(lb, run.observed, members.observed);
    const rest = isConverged(run.plan) ? scopes.unfinished(adapter, lb) : undefined;
    const obstacle = failure ?? rest?.failure;
    const report: Report = {
      findings: concluded(rest?.run ?? run, obstacle, status, { lb, nodes, issues, warnings }),
      // While the address is being made anew the old one stays, as nobody can use another.
      ingress: status.ingress,
      seen: status,
      steps: run.outcomes.map(({ step }) => step),
      nodes: names,
      failure: obstacle,
      changed: attempt.failure === undefined ? attempt.changed : undefined,
    };
    if (failure !== undefined) return await this.#afterFailure(service, adapter.name, failure, report, signal);
    await reporter.report(service, report, signal);
    if (run.replacement) return this.#laterOn();
    if (!isConverged(run.plan)) return { requeueAfterMs: pollAfter(run) };
    addresses.release(lb.id.uid, lb.addresses);
    if (status.targets.ready > 0 || isHealthWatcher(adapter)) return this.#laterOn();
    for (const looked of adapter.scopes(lb)) runner.doubt(adapter.name, looked);
    return { requeueAfterMs: readyPollMs };
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
    const { metrics, reporter, admission } = this.#options;
    metrics.refused.inc({ controller: controllerName });
    const ingress = withPortErrors(ingressOf(service), lb, issues);
    await reporter.report(service, { findings: refused(issues), ingress }, signal);
    // Not before: its condition is what tells that its room is free.
    admission.refused(service);
    return {};
  }

  /** There is nothing to do until something changes but to say why. */
  async #say(service: Service, findings: Findings, signal: AbortSignal): Promise<WorkResult> {
    await this.#options.reporter.report(service, { findings }, signal);
    return {};
  }

  async #cleanUp(key: string, service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<WorkResult> {
    const { providers, runner, scopes, nodePorts, reporter, logger, addresses, admission, clusterId } = this.#options;
    const { uid = "", namespace = "", name = "" } = service.metadata;
    const id = { clusterId, uid, namespace, name };
    if (cleanup.cause === "class") {
      const kept = await this.#keep(service, cleanup, signal);
      if (kept !== undefined) return kept;
    }
    const fate = cleanup.cause === "deleted" ? deletionPolicyOf(service, cleanup.policy) : "Delete";
    if (fate === undefined) return await this.#say(service, fateUnknown, signal);
    const desired = fate === "Retain" ? retained(service, clusterId, cleanup.policy) : null;
    for (const provider of cleanup.providers) {
      const wait = runner.pauseOf(provider);
      if (wait !== undefined) return { requeueAfterMs: wait };
      const adapter = provided(providers, provider);
      const membersGone = fate === "Retain" || scopes.tearDown(adapter, id);
      const attempt = await runner.attempt(adapter, { kind: "service", id }, desired, {
        allowReplace: true,
        onStart: () => (fate === "Retain" ? reporter.retaining(service) : reporter.deleting(service)),
        wake: () => this.#options.onWake(key),
        signal,
      });
      const steps = attempt.run?.outcomes.map(({ step }) => step) ?? [];
      const { failure } = attempt;
      if (failure !== undefined) {
        const report = { findings: { programmed: failed(failure) }, failure, steps, teardown: true };
        return await this.#afterFailure(service, provider, failure, report, signal);
      }
      if (!isConverged(attempt.run.plan) || !membersGone) {
        const report = { findings: { programmed: progress(attempt.run) }, steps, teardown: true };
        await reporter.report(service, report, signal);
        return { requeueAfterMs: pollAfter(attempt.run) };
      }
    }
    if (cleanup.cause !== "deleted") await nodePorts.leave(service, signal);
    if (!(await reporter.release(service, cleanup, signal))) return {};
    admission.leave(service);
    if (fate === "Delete") addresses.release(uid);
    for (const provider of cleanup.providers) scopes.forget(provided(providers, provider), id);
    logger.info("service let go", { service: key, reason: cleanup.cause });
    // Another provider of ours may be the next to take it.
    return cleanup.cause === "deleted" ? {} : { requeueAfterMs: 0 };
  }

  /** A flag or an object that goes must not cut off clients; undefined when there are none to be cut off. */
  async #keep(service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<WorkResult | undefined> {
    const { providers, runner, addresses, clusterId } = this.#options;
    const { uid = "", namespace = "", name = "" } = service.metadata;
    if (ingressOf(service).some(({ ip = "" }) => addresses.holds(uid, ip))) return this.#say(service, unserved, signal);
    for (const provider of cleanup.providers) {
      const wait = runner.pauseOf(provider);
      if (wait !== undefined) return { requeueAfterMs: wait };
      const at = { id: { clusterId, uid, namespace, name }, adapter: provided(providers, provider) };
      let inUse: boolean;
      try {
        inUse = await isInUse(service, at, signal);
      } catch (error) {
        return runner.next(provider, { error, decision: decide(error), what: undefined });
      }
      if (inUse) return await this.#say(service, unserved, signal);
    }
    return undefined;
  }

  #changedUnder(key: string, { uid }: LbIdentity, policy: ClassPolicy): string | undefined {
    const service = this.#options.services.get(key);
    if (service?.metadata.uid !== uid) return "the Service is gone";
    if (service.metadata.deletionTimestamp !== undefined) return "the Service is being deleted";
    return isPaused(service, policy) ? "the Service is paused" : undefined;
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
  readonly policy: ClassPolicy;
  readonly lb: DesiredLoadBalancer;
  readonly nodes: NodeSet;
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

function isRefusal({ severity }: Issue): boolean {
  return severity === "refuse";
}

function provided(providers: ReadonlyMap<string, ProviderAdapter>, name: string): ProviderAdapter {
  const adapter = providers.get(name);
  if (adapter === undefined) throw new Error(`no provider ${name} runs here`);
  return adapter;
}

function ingressOf({ status }: Service): readonly LoadBalancerIngress[] {
  return status?.loadBalancer?.ingress ?? [];
}
