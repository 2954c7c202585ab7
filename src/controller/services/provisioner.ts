import { annotations, type Service } from "../../api/index.ts";
import { driftPriority, type Store, type WorkResult } from "../../kube/index.ts";
import {
  type ClassPolicy,
  type DesiredLoadBalancer,
  isPaused,
  type LbIdentity,
  type NodeSet,
} from "../../model/index.ts";
import { type Issue, isConverged, type ProviderAdapter } from "../../provider/index.ts";
import type { ServiceAddresses } from "../addresses/service-addresses.ts";
import { type ProviderRunner, pollAfter } from "../engine/provider-runner.ts";
import type { ScopeReconciler } from "../engine/scope-reconciler.ts";
import { isHealthWatcher } from "../health.ts";
import { concluded, failed, hindered } from "../status/findings.ts";
import type { Report, Reporter } from "../status/reporter.ts";
import { ingressOf } from "../status/service-patch.ts";

export interface ProvisionerOptions {
  readonly services: Store<Service>;
  readonly runner: ProviderRunner;
  readonly scopes: ScopeReconciler;
  readonly addresses: ServiceAddresses;
  readonly reporter: Reporter;
  /** A Service that is as it should be is looked at again after so long. */
  readonly driftMs: () => number;
  /** Called with `namespace/name` when something that the Service's load balancer waits for is done. */
  readonly onWake: (key: string) => void;
}

/** What is wanted of a provider for a Service, and what is to be said of it besides. */
interface Wanted {
  readonly service: Service;
  readonly policy: ClassPolicy;
  readonly lb: DesiredLoadBalancer;
  readonly nodes: NodeSet;
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

/** How often to look whether targets have become healthy when the provider does not tell. */
const readyPollMs = 5000;

/** Brings the load balancer of a Service as far as it comes now, and tells how far that is. */
export class Provisioner {
  readonly #options: ProvisionerOptions;

  constructor(options: ProvisionerOptions) {
    this.#options = options;
  }

  /** Behind the finalizer: what is made here is cleaned up by whoever sees that. */
  async provide(
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
      await reporter.report(service, { findings: hindered(failed(failure), warnings), failure, nodes: names }, signal);
      return runner.next(adapter.name, failure);
    }
    const { run } = attempt;
    scopes.awaited(adapter, run.plan.waits);
    const members = await scopes.members(adapter, lb, signal);
    const failure = attempt.failure ?? members.failure;
    const status = adapter.status(lb, run.observed, members.observed, nodes.targets);
    const rest = isConverged(run.plan) ? scopes.unfinished(adapter, lb) : undefined;
    const obstacle = failure ?? rest?.failure;
    const isFinal = failure === undefined && isConverged(run.plan) && rest === undefined;
    const report: Report = {
      findings: concluded(rest?.run ?? run, obstacle, status, { lb, nodes, issues, warnings }),
      // While the address is being made anew the old one stays, as nobody can use another.
      ...(status.ingress.length > 0 || isFinal ? { ingress: status.ingress } : {}),
      seen: status,
      steps: run.outcomes.map(({ step }) => step),
      nodes: names,
      failure: obstacle,
      changed: attempt.failure === undefined ? attempt.changed : undefined,
    };
    await reporter.report(service, report, signal);
    if (failure !== undefined) return runner.next(adapter.name, failure);
    if (run.replacement) return this.#laterOn();
    if (!isConverged(run.plan)) return { requeueAfterMs: pollAfter(run) };
    addresses.release(lb.id.uid, lb.addresses);
    if (status.targets.ready > 0 || isHealthWatcher(adapter)) return this.#laterOn();
    for (const looked of adapter.scopes(lb)) runner.doubt(adapter.name, looked);
    return { requeueAfterMs: readyPollMs };
  }

  #changedUnder(key: string, { uid }: LbIdentity, policy: ClassPolicy): string | undefined {
    const service = this.#options.services.get(key);
    if (service?.metadata.uid !== uid) return "the Service is gone";
    if (service.metadata.deletionTimestamp !== undefined) return "the Service is being deleted";
    return isPaused(service, policy) ? "the Service is paused" : undefined;
  }

  /** Nothing is to do until somebody says so; that it stays so is checked now and then. */
  #laterOn(): WorkResult {
    return { requeueAfterMs: this.#options.driftMs(), priority: driftPriority };
  }
}
