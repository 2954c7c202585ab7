import { conditionTypes, objectKey, type Service } from "../../api/index.ts";
import { assertNever, Backoff, type Random } from "../../base/index.ts";
import { isConflict, isNotFound, type Store, type WorkResult } from "../../kube/index.ts";
import {
  type Classes,
  type Classification,
  type ClassPolicy,
  classify,
  type DesiredLoadBalancer,
  desiredLoadBalancer,
  isPaused,
  type NodeSet,
  type Wish,
} from "../../model/index.ts";
import { type Issue, type ProviderAdapter, unsupported } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { ServiceAddresses } from "../addresses/service-addresses.ts";
import type { Admission } from "../classes/admission.ts";
import { PanicError, panicReason } from "../engine/panic-error.ts";
import { provided } from "../engine/provided.ts";
import type { Failure, ProviderRunner } from "../engine/provider-runner.ts";
import { type ControllerMetrics, controllerName } from "../metrics.ts";
import type { NodePorts } from "../node-ports/node-ports.ts";
import type { NodeRequest, ServiceNodes } from "../nodes/service-nodes.ts";
import type { Findings } from "../status/conditions.ts";
import { failed, hindered, paused, refused, resting, withPortErrors } from "../status/findings.ts";
import type { Reporter } from "../status/reporter.ts";
import { ingressOf } from "../status/service-patch.ts";
import { WriteError } from "../status/write-error.ts";
import type { Provisioner } from "./provisioner.ts";
import type { Teardown } from "./teardown.ts";

export interface ReconcilerOptions {
  readonly services: Store<Service>;
  readonly nodes: ServiceNodes;
  readonly nodePorts: NodePorts;
  readonly reporter: Reporter;
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderAdapter>;
  readonly classes: () => Classes;
  readonly admission: Admission;
  readonly clusterId: string;
  readonly addresses: ServiceAddresses;
  readonly runner: ProviderRunner;
  readonly provisioner: Provisioner;
  readonly teardown: Teardown;
  /** Called for each Service that is not ours: it may have been, and lost its finalizer. */
  readonly onIgnored: (service: Service) => void;
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

/**
 * Looks at one Service: whose it is, whether what it asks for may be, and what it claims of what Services share. The
 * load balancer itself is the business of others. Keeps no truth of its own.
 */
export class ServiceReconciler {
  readonly #options: ReconcilerOptions;
  /** By key: conflicts in a row. */
  readonly #conflicts = new Map<string, Backoff>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Lets a Service have what it claims of shared addresses, before anybody works. */
  adopt(service: Service): void {
    const { providers, classes, nodes } = this.#options;
    const found = classify(service, classes());
    if (found.kind !== "own") return;
    const adapter = provided(providers, found.policy.provider);
    // What was kept out, as for want of room in its class, has nothing to keep.
    if (adapter.capabilities.needs !== "address" || (isKeptOut(service) && ingressOf(service).length === 0)) return;
    try {
      const { wish, refusals } = this.#read(service, found.policy, adapter);
      if (refusals.length === 0) nodes.choose(nodeRequest(service, wish, found.policy, adapter));
    } catch (error) {
      // Its own reconcile says so.
      if (!(error instanceof PanicError)) throw error;
    }
  }

  async reconcile(key: string, signal: AbortSignal): Promise<WorkResult> {
    const service = this.#options.services.get(key);
    if (service === undefined) {
      // One that comes after it under its name has no history.
      this.#conflicts.delete(key);
      return {};
    }
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
        return await this.#options.teardown.cleanUp(key, service, found, signal);
      case "ignore":
        metrics.ignored.inc({ cause: found.cause });
        logger.debug("service is not ours", {
          service: key,
          reason: found.cause,
          class: service.spec?.loadBalancerClass ?? "",
        });
        this.#options.nodes.forget(key);
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
    const { providers, addresses, admission, nodePorts, metrics, reporter } = this.#options;
    const adapter = provided(providers, policy.provider);
    metrics.syncs.inc();
    if (!admission.knows(service, policy)) return { requeueAfterMs: namespaceRetryMs };
    const { wish, issues, refusals } = this.#read(service, policy, adapter);
    if (refusals.length > 0) return await this.#refuse(service, wish.lb, refusals, signal);
    const tooMany = admission.enter(key, service, policy);
    if (tooMany !== undefined) return await this.#refuse(service, wish.lb, [tooMany], signal);

    const claim = adapter.capabilities.needsAddresses
      ? addresses.claim(key, service, wish.lb, policy.loadBalancerClass)
      : { addresses: [], issues: [] };
    if ("refusal" in claim) return await this.#refuse(service, wish.lb, [claim.refusal], signal);
    if ("blocked" in claim) return await this.#say(service, hindered(claim.blocked, wish.warnings), signal);
    const choice = this.#options.nodes.choose(nodeRequest(service, wish, policy, adapter));
    if (choice.blocked !== undefined) {
      const findings = { ...hindered(choice.blocked, wish.warnings), ready: choice.blocked };
      await reporter.report(service, { findings, ingress: [] }, signal);
      return {};
    }
    const { nodes } = choice;
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
    const losses = [...issues, ...claim.issues, ...choice.issues];
    return await this.#options.provisioner.provide(
      key,
      adapter,
      { service, policy, lb, nodes, issues: losses, warnings },
      signal,
    );
  }

  #read(service: Service, policy: ClassPolicy, adapter: ProviderAdapter): Reading {
    const { clusterId, admission, nodePorts } = this.#options;
    const wish = desiredLoadBalancer(service, clusterId, policy);
    // What we set ourselves is not missing.
    const can = nodePorts.ensures(policy, adapter.capabilities)
      ? { ...adapter.capabilities, needsNodePorts: false }
      : adapter.capabilities;
    const issues = [...wish.issues, ...unsupported(wish.lb, can), ...adapter.validate(wish.lb)];
    return { wish, issues, refusals: [...admission.objectionsTo(service, policy), ...issues.filter(isRefusal)] };
  }

  async #tellOf(panic: PanicError, service: Service, signal: AbortSignal): Promise<void> {
    const failure: Failure = { error: panic, decision: { kind: "backOff", reason: panicReason }, what: undefined };
    await this.#options.reporter.report(service, { findings: { programmed: failed(failure) }, failure }, signal);
  }

  /** The load balancer, if there is one, stays as it is until the Service is changed. */
  async #refuse(
    service: Service,
    lb: DesiredLoadBalancer,
    issues: readonly Issue[],
    signal: AbortSignal,
  ): Promise<WorkResult> {
    const { metrics, reporter, admission, nodes } = this.#options;
    metrics.refused.inc({ controller: controllerName });
    const shown = ingressOf(service);
    const ingress = shown.length === 0 ? {} : { ingress: withPortErrors(shown, lb, issues) };
    await reporter.report(service, { findings: refused(issues), ...ingress }, signal);
    // What it shows it has, and keeps.
    if (ingressOf(reporter.current(service) ?? service).length === 0) nodes.forget(objectKey(service.metadata));
    // Not before: its condition is what tells that its room is free.
    admission.refused(service);
    return {};
  }

  /** There is nothing to do until something changes but to say why. */
  async #say(service: Service, findings: Findings, signal: AbortSignal): Promise<WorkResult> {
    await this.#options.reporter.report(service, { findings }, signal);
    return {};
  }

  /** A load balancer that works is not emptied by a list of nodes that may not be all of it. */
  #graceOf(service: Service, { targets }: NodeSet): number | undefined {
    return targets.length > 0 || ingressOf(service).length === 0 ? undefined : this.#options.nodes.graceMs;
  }
}

function nodeRequest(
  service: Service,
  { lb, nodeSelector }: Wish,
  policy: ClassPolicy,
  { capabilities }: ProviderAdapter,
): NodeRequest {
  const selectors = [policy.nodeSelector, nodeSelector].filter((selector) => selector !== undefined);
  return { service, lb, selectors, capabilities };
}

interface Reading {
  readonly wish: Wish;
  readonly issues: readonly Issue[];
  /** Why nothing may be done; some of them are no issues of what the Service says. */
  readonly refusals: readonly Issue[];
}

function isRefusal({ severity }: Issue): boolean {
  return severity === "refuse";
}

function isKeptOut({ status }: Service): boolean {
  return status?.conditions?.find(({ type }) => type === conditionTypes.accepted)?.status === "False";
}
