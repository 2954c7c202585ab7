import { agentLease, type Lease, leases, type Node, reportAnnotation } from "../api/index.ts";
import { type Clock, errorMessage, onAbort, type Random, withTimeout } from "../base/index.ts";
import {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isInvalid,
  isNotFound,
  isUnauthorized,
  type KubeClient,
  microTime,
} from "../kube/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { AgentMetrics } from "./metrics.ts";
import { kubePrefix } from "./plan/index.ts";

export interface ReportLeaseOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "mergePatch">;
  readonly namespace: string;
  readonly nodeName: string;
  /** What the names of this agent's chains begin with. */
  readonly chainPrefix: string;
  /** Who reports: the same after a restart, another on another machine. */
  readonly identity: string;
  /** What to tell, as it is now. */
  readonly report: () => Promise<string>;
  readonly node: () => Node | undefined;
  readonly metrics: Pick<AgentMetrics, "reportWrites">;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

const renewMs = 10_000;
const leaseSeconds = 40;
const requestMs = 5000;
/** The renewals of all nodes spread. */
const jitter = 0.1;
/** A refusal is a matter of rights that an administrator may give one day. */
const deniedRetryMs = 600_000;
/** A change worth telling soon comes with others. */
const hurryMs = 1000;

/**
 * The Lease by which a node's agent tells the controller that it lives and, in an annotation, what it serves. The
 * report goes with a renewal, and only when it changed, so that its cost is known: one small write in ten seconds. The
 * Lease outlives the agent: its age is what tells of the agent's end.
 */
export class ReportLease {
  readonly #options: ReportLeaseOptions;
  readonly #name: string;
  readonly #logger: Logger;
  /** As we wrote it last. */
  #lease: Lease | undefined;
  /** Another's Lease as we first saw it in its present state, on our own clock. */
  #foreign: { readonly version: string; readonly since: number } | undefined;
  #told: string | undefined;
  #isDenied = false;
  #wake = Promise.withResolvers<void>();

  constructor(options: ReportLeaseOptions) {
    this.#options = options;
    const { nodeName, chainPrefix } = options;
    this.#name = agentLease(nodeName, chainPrefix === kubePrefix ? undefined : chainPrefix);
    this.#logger = options.logger.with({
      kind: "Lease",
      key: `${options.namespace}/${this.#name}`,
    });
  }

  /** The report has changed in a way that the controller should hear of soon. */
  hurry(): void {
    if (!this.#isDenied) this.#wake.resolve();
  }

  /** Reports until aborted. Never throws: all else works without it. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      const pauseMs = await this.#renew(signal);
      await this.#pause(hurryMs, signal);
      await Promise.race([this.#wake.promise, this.#pause(pauseMs - hurryMs, signal)]);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#options.clock.schedule(resolve, ms);
    using _abort = onAbort(signal, resolve);
    await promise;
  }

  /** Returns how long to wait for the next time. */
  async #renew(signal: AbortSignal): Promise<number> {
    const { metrics, clock, random } = this.#options;
    const pauseMs = renewMs * (1 + jitter * random());
    try {
      using limit = withTimeout(signal, requestMs, "write the report", clock);
      const result = await this.#write(limit.signal);
      metrics.reportWrites.inc({ result });
      if (result === "held") return pauseMs;
      this.#told = undefined;
      this.#isDenied = false;
      return pauseMs;
    } catch (error) {
      if (signal.aborted) return pauseMs;
      this.#lease = undefined;
      this.#isDenied = isDenial(error);
      metrics.reportWrites.inc({ result: this.#isDenied ? "denied" : "failed" });
      const what = this.#isDenied
        ? "the controller does not learn what this node refuses to serve; give the agent the role berth-agent of the chart"
        : "the controller takes this node for unreported until it works again";
      this.#tell(`${errorMessage(error)}; ${what}`);
      return this.#isDenied ? deniedRetryMs * (1 + jitter * random()) : pauseMs;
    }
  }

  /** One line for one cause, however long it lasts. */
  #tell(why: string): void {
    if (this.#told !== why) this.#logger.warn("node report not written", { why });
    this.#told = why;
  }

  async #write(signal: AbortSignal): Promise<"created" | "renewed" | "held"> {
    const report = await this.#options.report();
    try {
      return await this.#writeOnce(report, signal);
    } catch (error) {
      // Somebody wrote or deleted it since, or the answer to our own last write was lost.
      if (this.#lease === undefined || !(isConflict(error) || isAlreadyExists(error) || isNotFound(error))) throw error;
      this.#lease = undefined;
      return await this.#writeOnce(report, signal);
    }
  }

  async #writeOnce(report: string, signal: AbortSignal): Promise<"created" | "renewed" | "held"> {
    const lease = this.#lease ?? (await this.#read(signal));
    if (lease === undefined) {
      this.#lease = await this.#create(report, signal);
      return "created";
    }
    const holder = lease.spec?.holderIdentity ?? "";
    const isOurs = holder === this.#options.identity;
    if (!isOurs && !this.#isFree(lease)) {
      this.#tell(`${holder} reports for this node; two agents must not have one node name`);
      return "held";
    }
    if (!isOurs && holder !== "") this.#logger.warn("node report taken over", { what: holder });
    const { annotations, ownerReferences = [] } = lease.metadata;
    const metadata = {
      ...(annotations?.[reportAnnotation] !== report && { annotations: { [reportAnnotation]: report } }),
      // Made while the Node was away, it has none yet.
      ...(ownerReferences.length === 0 && this.#ownership()),
    };
    const body = {
      spec: isOurs ? this.#renewal() : this.#claim((lease.spec?.leaseTransitions ?? 0) + 1),
      ...(Object.keys(metadata).length > 0 && { metadata }),
    };
    // Kept until the answer is known: an error is looked into by reading anew.
    this.#lease = lease;
    this.#lease = await this.#options.client.mergePatch(leases, lease, body, signal);
    return "renewed";
  }

  /** Another's clock is not trusted: its Lease is free when it has stood still for its duration on ours. */
  #isFree({ metadata: { resourceVersion = "" }, spec }: Lease): boolean {
    if ((spec?.holderIdentity ?? "") === "") return true;
    const now = this.#options.clock.monotonic();
    if (this.#foreign?.version !== resourceVersion) this.#foreign = { version: resourceVersion, since: now };
    return now - this.#foreign.since >= Math.max(leaseSeconds, spec?.leaseDurationSeconds ?? 0) * 1000;
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace } = this.#options;
    try {
      return await client.get(leases, { namespace, name: this.#name }, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #create(report: string, signal: AbortSignal): Promise<Lease> {
    const { client, namespace } = this.#options;
    const annotations = { [reportAnnotation]: report };
    const metadata = { namespace, name: this.#name, annotations, ...this.#ownership() };
    return await client.create(leases, { metadata, spec: this.#claim(0) }, signal);
  }

  /** The Lease goes with its node, as kubelet's; nothing while there is no Node object. */
  #ownership(): Pick<Lease["metadata"], "ownerReferences"> {
    const { nodeName, node } = this.#options;
    const uid = node()?.metadata.uid;
    return uid === undefined ? {} : { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid }] };
  }

  #claim(leaseTransitions: number): NonNullable<Lease["spec"]> {
    const renewal = this.#renewal();
    const { identity: holderIdentity } = this.#options;
    return { ...renewal, holderIdentity, acquireTime: renewal.renewTime, leaseTransitions };
  }

  #renewal(): { readonly leaseDurationSeconds: number; readonly renewTime: string } {
    return { leaseDurationSeconds: leaseSeconds, renewTime: microTime(this.#options.clock.now()) };
  }
}

/** What waiting a little does not mend: no right, no such namespace, a name that is no name of a Lease. */
function isDenial(error: unknown): boolean {
  return isForbidden(error) || isUnauthorized(error) || isNotFound(error) || isInvalid(error);
}
