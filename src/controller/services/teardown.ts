import type { Service } from "../../api/index.ts";
import type { WorkResult } from "../../kube/index.ts";
import { type Cleanup, deletionPolicyOf } from "../../model/index.ts";
import { decide, isConverged, type ProviderAdapter } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { ServiceAddresses } from "../addresses/service-addresses.ts";
import type { Admission } from "../classes/admission.ts";
import { isInUse } from "../classes/kept.ts";
import { retained } from "../classes/retention.ts";
import { provided } from "../engine/provided.ts";
import { type ProviderRunner, pollAfter } from "../engine/provider-runner.ts";
import type { ScopeReconciler } from "../engine/scope-reconciler.ts";
import type { NodePorts } from "../node-ports/node-ports.ts";
import type { ServiceNodes } from "../nodes/service-nodes.ts";
import type { Findings } from "../status/conditions.ts";
import { failed, fateUnknown, progress, unserved } from "../status/findings.ts";
import type { Reporter } from "../status/reporter.ts";
import { ingressOf } from "../status/service-patch.ts";

export interface TeardownOptions {
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderAdapter>;
  readonly runner: ProviderRunner;
  readonly scopes: ScopeReconciler;
  readonly addresses: ServiceAddresses;
  readonly admission: Admission;
  readonly nodes: ServiceNodes;
  readonly nodePorts: NodePorts;
  readonly reporter: Reporter;
  readonly clusterId: string;
  /** Called with `namespace/name` when something that the Service's load balancer waits for is done. */
  readonly onWake: (key: string) => void;
  readonly logger: Logger;
}

/** Takes down the load balancers of Services that are ours no more, or leaves them to themselves, and lets those go. */
export class Teardown {
  readonly #options: TeardownOptions;

  constructor(options: TeardownOptions) {
    this.#options = options;
  }

  /** Lets the Service go once nothing of it is left that it would leave behind. */
  async cleanUp(key: string, service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<WorkResult> {
    const { providers, runner, scopes, nodePorts, reporter, logger, addresses, admission, clusterId } = this.#options;
    const { uid = "", namespace = "", name = "" } = service.metadata;
    const id = { clusterId, uid, namespace, name };
    if (cleanup.cause === "class") {
      const kept = await this.#keep(service, cleanup, signal);
      if (kept !== undefined) return kept;
    }
    const isLast = cleanup.cause === "deleted" || cleanup.cause === "uninstall";
    const fate = isLast ? deletionPolicyOf(service, cleanup.policy) : "Delete";
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
        const findings = { programmed: failed(failure) };
        await reporter.report(service, { findings, failure, steps, teardown: true }, signal);
        return runner.next(provider, failure);
      }
      if (!isConverged(attempt.run.plan) || !membersGone) {
        const stuck = membersGone ? undefined : scopes.failureOf(adapter, { kind: "members", id });
        const report =
          stuck === undefined || !isConverged(attempt.run.plan)
            ? { findings: { programmed: progress(attempt.run) } }
            : { findings: { programmed: failed(stuck) }, failure: stuck };
        await reporter.report(service, { ...report, steps, teardown: true }, signal);
        return { requeueAfterMs: pollAfter(attempt.run) };
      }
    }
    if (cleanup.cause !== "deleted") await nodePorts.leave(service, signal);
    if (!(await reporter.release(service, cleanup, signal))) return {};
    admission.leave(service);
    if (fate === "Delete") addresses.release(uid);
    this.#options.nodes.forget(key);
    for (const provider of cleanup.providers) scopes.forget(provided(providers, provider), id);
    logger.info("service let go", { service: key, reason: cleanup.cause });
    // Another provider of ours may be the next to take it.
    return cleanup.cause === "deleted" ? {} : { requeueAfterMs: 0 };
  }

  /** A flag or an object that goes must not cut off clients; undefined when there are none to be cut off. */
  async #keep(service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<WorkResult | undefined> {
    const { providers, runner, addresses, clusterId } = this.#options;
    const { uid = "", namespace = "", name = "" } = service.metadata;
    if (ingressOf(service).some(({ ip = "" }) => addresses.holds(uid, ip)))
      return await this.#say(service, unserved, signal);
    for (const provider of cleanup.providers) {
      const wait = runner.pauseOf(provider);
      if (wait !== undefined) return { requeueAfterMs: wait };
      const adapter = provided(providers, provider);
      const nodes = this.#options.nodes.all(adapter.capabilities);
      const at = { id: { clusterId, uid, namespace, name }, adapter, nodes };
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

  /** There is nothing to do until something changes but to say why. */
  async #say(service: Service, findings: Findings, signal: AbortSignal): Promise<WorkResult> {
    await this.#options.reporter.report(service, { findings }, signal);
    return {};
  }
}
