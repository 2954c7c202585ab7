import { apiGroup, type Condition, type LoadBalancerIngress, objectKey, type Service } from "../../api/index.ts";
import { type Clock, errorMessage } from "../../base/index.ts";
import { type EventRecorder, isForbidden, type KubeClient, type Store } from "../../kube/index.ts";
import type { Cleanup, LbIdentity } from "../../model/index.ts";
import { contentHash, type LbStatus, type PlanStep, ProviderError } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { Failure } from "../engine/provider-runner.ts";
import { announcements, deleted, deleting, ensuring, retaining, troubles } from "./announcements.ts";
import { Announcer } from "./announcer.ts";
import { conditionOf, type Findings, mergeConditions } from "./conditions.ts";
import { failed, hindered } from "./findings.ts";
import type { RecordFailure, RecordNote } from "./record-content.ts";
import type { Records } from "./records.ts";
import type { StatusReport } from "./service-patch.ts";
import { type ServiceStates, stateOf } from "./service-states.ts";
import { ServiceWriter } from "./service-writer.ts";
import { serviceWrites, WriteError } from "./write-error.ts";

export interface ReporterOptions {
  readonly client: Pick<KubeClient, "mergePatch">;
  readonly recorder: Pick<EventRecorder, "event">;
  readonly records: Pick<Records, "note" | "nextTry" | "release" | "forget">;
  readonly states: Pick<ServiceStates, "begin" | "note" | "forget">;
  readonly services: Store<Service>;
  /** Asked before each write to the API; a text says why there may be none. */
  readonly mayWrite: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a look at a Service of ours came to. */
export interface Report extends StatusReport {
  readonly failure?: Failure | undefined;
  /** Absent while it cannot be seen. */
  readonly seen?: LbStatus;
  /** Begun in this look, whatever became of them. */
  readonly steps?: readonly PlanStep[];
  /** What was done to the load balancer, once all is. */
  readonly changed?: string | undefined;
  /** Names of the nodes that it should send to. */
  readonly nodes?: readonly string[];
  /** It is on its way out. */
  readonly teardown?: boolean;
}

/** What is remembered of a Service from one look to the next: nothing that a restart could not do without. */
interface Memory {
  /** What was said last. */
  readonly report: Report;
  /** Of the Service when its load balancer was as it asked. */
  readonly servedHash: string | undefined;
  /** Done, and not told of yet. */
  readonly untold: string | undefined;
}

/** All that people get to see of a Service's load balancer: finalizers, status, conditions, events, its Record. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #writer: ServiceWriter;
  readonly #announcer: Announcer;
  readonly #memory = new Map<string, Memory>();
  /** UIDs of the Services whose deletion has been announced. */
  readonly #deleting = new Set<string>();

  constructor(options: ReporterOptions) {
    const { client, services, recorder, mayWrite, clock, logger } = options;
    this.#options = options;
    this.#writer = new ServiceWriter(client, services, mayWrite, clock);
    this.#announcer = new Announcer(recorder, clock, logger);
  }

  /** Whether this state of a Service is what we wrote ourselves. */
  wrote(service: Service): boolean {
    return this.#writer.wrote(service);
  }

  /** The Service is gone. */
  forget(service: Service): void {
    this.#writer.forget(service);
    this.#options.records.forget(service);
    this.#letGo(service);
  }

  /** Sees to it that the Service cannot go before we have cleaned up. */
  async hold(service: Service, finalizers: readonly string[], signal: AbortSignal): Promise<void> {
    this.#options.states.begin(uidOf(service), conditionsOf(service));
    await this.#writer.hold(service, finalizers, signal);
  }

  /** A load balancer is about to be made. */
  ensuring(service: Service): void {
    this.#announcer.announce(service, ensuring);
  }

  /** A load balancer is about to be torn down. */
  deleting(service: Service): void {
    this.#deleting.add(uidOf(service));
    this.#announcer.announce(service, deleting);
  }

  /** A load balancer is about to be left to itself: its end, if that had begun, is not to be told. */
  retaining(service: Service): void {
    this.#deleting.delete(uidOf(service));
    this.#announcer.announce(service, retaining);
  }

  /** Status first, then the events about what is new in it, then the Record. */
  async report(service: Service, report: Report, signal: AbortSignal): Promise<void> {
    const current = this.current(service);
    if (current === undefined) return;
    const { states, records } = this.#options;
    const before = conditionsOf(current);
    states.begin(uidOf(current), before);
    const memory = this.#remember(current, report);
    const state = report.teardown === true ? "deleting" : stateOf(mergeConditions(before, report.findings, 0));
    states.note(uidOf(current), state);
    try {
      await this.#writer.report(current, memory.report, signal);
      this.#tell(current, before, memory);
    } finally {
      this.#tellTrouble(current, before, memory);
      records.note(current, noteOf(current, memory.report));
    }
  }

  /** Nothing can be done yet, for no reason of the Service's own: what was said before holds, and is said again. */
  async rest(service: Service, findings: Findings, signal: AbortSignal): Promise<void> {
    const current = this.current(service);
    if (current === undefined) return;
    this.#options.states.note(uidOf(current), stateOf(conditionsOf(current)));
    const known = this.#memory.get(uidOf(service))?.report;
    if (known !== undefined) await this.#writer.report(current, known, signal);
    else if (conditionOf(conditionsOf(current), "programmed") === undefined)
      await this.report(service, { findings }, signal);
  }

  /** The API server did not take what was written: told in every way that is left. */
  async refused(service: Service, error: WriteError, signal: AbortSignal): Promise<void> {
    const current = this.current(service);
    if (current === undefined) return;
    const { records, states, logger } = this.#options;
    const { write, decision, cause } = error;
    states.note(uidOf(current), current.metadata.deletionTimestamp === undefined ? "failed" : "deleting");
    const failure: Failure = { error, decision, what: undefined };
    const finding = failed(failure);
    const { reason, message } = finding;
    this.#announcer.trouble(current, {
      type: "Warning",
      reason: "SyncLoadBalancerFailed",
      message: `${reason}: ${message}`,
    });
    const known = this.#memory.get(uidOf(service))?.report;
    const said = write === serviceWrites.status ? known : { ...known, findings: hindered(finding, []) };
    const note = noteOf(current, { findings: {}, ...said, failure });
    const obstacle = { what: decision.kind === "park" ? decision.remedy : message, reason };
    records.note(current, { ...note, steps: undefined, obstacle });
    if (write === serviceWrites.status || (isForbidden(cause) && write.right === serviceWrites.status.right)) return;
    try {
      await this.#writer.report(current, { findings: { programmed: finding } }, signal);
    } catch (other) {
      logger.debug("status not written either", { service: objectKey(service.metadata), why: errorMessage(other) });
    }
  }

  /** The look is over. `afterMs`: when the next one comes; undefined when something has to happen first. */
  nextTry(service: Service, afterMs: number | undefined): void {
    this.#options.records.nextTry(service, afterMs);
  }

  /** Lets the Service go, with all that says it was ours; false when it is gone already. */
  async release(service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<boolean> {
    const current = this.current(service);
    if (current === undefined) return false;
    // Before, as the Service may be gone, and forgotten, by the time that the write is answered.
    const isAnnounced = this.#deleting.has(uidOf(current));
    await this.#writer.release(current, cleanup, signal);
    if (isAnnounced) this.#announcer.announce(current, deleted);
    if (cleanup.cause === "deleted") this.#options.records.forget(current);
    else this.#options.records.release(current);
    this.#letGo(current);
    return true;
  }

  /** Writes to the Service itself, by a merge patch of what `current` says. */
  async amend(service: Service, patch: object, signal: AbortSignal): Promise<void> {
    await this.#writer.amend(service, patch, signal);
  }

  /** A load balancer whose Service is gone cannot be torn down. */
  stuck({ namespace, name, uid }: LbIdentity, failure: Failure): void {
    const { reason, message } = failed(failure);
    this.#announcer.trouble(
      { apiVersion: "v1", kind: "Service", metadata: { namespace, name, uid } },
      { type: "Warning", reason: "DeleteLoadBalancerFailed", message: `${reason}: ${message}` },
    );
  }

  /** Its Record is refused: told once, by an event. */
  recordRefused(service: Service, error: WriteError): void {
    const { reason, message } = failed({ error, decision: error.decision, what: undefined });
    this.#announcer.announce(service, {
      type: "Warning",
      reason: "SyncLoadBalancerRecordFailed",
      message: `${reason}: ${message}`,
    });
  }

  /** The Service is not ours. If it was, it has nothing that had to be cleaned up; what is told here of it goes. */
  ignored(service: Service): void {
    if (!this.#memory.has(uidOf(service))) return;
    this.#options.records.release(service);
    this.#letGo(service);
  }

  /** The newest state of this very Service. */
  current({ metadata }: Service): Service | undefined {
    const current = this.#options.services.get(objectKey(metadata));
    return current?.metadata.uid === metadata.uid ? current : undefined;
  }

  #remember(service: Service, report: Report): Memory {
    const uid = uidOf(service);
    const before = this.#memory.get(uid);
    const untold = [before?.untold, report.changed].filter((text) => text !== undefined);
    const memory: Memory = {
      // An address that was given stays, whoever wipes the status, until it is known that there is another or none.
      // What is being torn down may be another controller's by now.
      report: report.teardown === true ? report : withIngress(report, before?.report.ingress),
      servedHash: report.findings.programmed?.status === true ? serviceHash(service) : before?.servedHash,
      untold: untold.length === 0 ? undefined : untold.join(", "),
    };
    this.#memory.set(uid, memory);
    return memory;
  }

  #tell(service: Service, before: readonly Condition[], memory: Memory): void {
    for (const announcement of announcements(before, memory.report.findings, memory.untold))
      this.#announcer.announce(service, announcement);
    if (memory.report.findings.programmed?.status !== true) return;
    this.#announcer.calm(service);
    this.#memory.set(uidOf(service), { ...memory, untold: undefined });
  }

  #tellTrouble(service: Service, before: readonly Condition[], { report, servedHash }: Memory): void {
    const { findings, nodes, failure } = report;
    const followsNodes = failure !== undefined && servedHash === serviceHash(service);
    const found = troubles(before, findings, followsNodes ? nodes : undefined);
    for (const { announcement, isKnown } of found) this.#announcer.trouble(service, announcement, isKnown);
    // What comes back after the back-off of its key is logged there.
    if (failure !== undefined && failure.decision.kind !== "backOff")
      this.#options.logger.warn("load balancer not as asked", {
        service: objectKey(service.metadata),
        reason: failure.decision.reason,
        err: failure.error,
      });
  }

  #letGo(service: Service): void {
    const uid = uidOf(service);
    this.#memory.delete(uid);
    this.#deleting.delete(uid);
    this.#announcer.calm(service);
    this.#options.states.forget(uid);
  }
}

function uidOf({ metadata: { uid = "" } }: Service): string {
  return uid;
}

function conditionsOf({ status }: Service): readonly Condition[] {
  return status?.conditions ?? [];
}

function withIngress(report: Report, before: readonly LoadBalancerIngress[] | undefined): Report {
  const ingress = report.ingress ?? before;
  return ingress === undefined ? report : { ...report, ingress };
}

/** Of what people ask for: annotations of others are theirs. */
function serviceHash({ spec, metadata: { annotations = {} } }: Service): string {
  const ours = Object.entries(annotations).filter(([key]) => key.startsWith(`${apiGroup}/`));
  return contentHash({ spec, annotations: Object.fromEntries(ours) });
}

function noteOf(service: Service, { findings, ingress, failure, seen, steps }: Report): RecordNote {
  const shown = ingress ?? service.status?.loadBalancer?.ingress ?? [];
  return {
    loadBalancerClass: service.spec?.loadBalancerClass,
    serviceHash: serviceHash(service),
    findings,
    addresses: shown.flatMap(({ ip, hostname }) => ip ?? hostname ?? []),
    seen,
    steps,
    failure: failureOf(findings, failure),
  };
}

function failureOf({ accepted }: Findings, failure: Failure | undefined): RecordFailure | undefined {
  if (failure !== undefined) {
    const { reason, message } = failed(failure);
    return { kind: kindOf(failure.error), reason, message };
  }
  if (accepted?.status !== false) return undefined;
  return { kind: "invalid", reason: accepted.reason, message: accepted.message };
}

function kindOf(error: unknown): string {
  if (error instanceof WriteError) return "apiServer";
  return error instanceof ProviderError ? error.fault.kind : "retryable";
}
