import { objectKey, type Service } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import type { EventRecorder, KubeClient, Store } from "../../kube/index.ts";
import type { Cleanup } from "../../model/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { type Announcement, announcements } from "./announcements.ts";
import type { StatusReport } from "./service-patch.ts";
import { ServiceWriter } from "./service-writer.ts";

export interface ReporterOptions {
  readonly client: Pick<KubeClient, "mergePatch">;
  readonly recorder: Pick<EventRecorder, "event">;
  readonly services: Store<Service>;
  /** Asked before each write to the API; a text says why there may be none. */
  readonly mayWrite: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** All that people get to see of a Service's load balancer: finalizers, status, conditions, events. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #writer: ServiceWriter;

  constructor(options: ReporterOptions) {
    const { client, services, mayWrite, clock } = options;
    this.#options = options;
    this.#writer = new ServiceWriter(client, services, mayWrite, clock);
  }

  /** Whether this state of a Service is what we wrote ourselves. */
  wrote(service: Service): boolean {
    return this.#writer.wrote(service);
  }

  /** The Service is gone. */
  forget(service: Service): void {
    this.#writer.forget(service);
  }

  /** Sees to it that the Service cannot go before we have cleaned up. */
  async hold(service: Service, finalizers: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#writer.hold(service, finalizers, signal);
  }

  /** Status first, then the events about what is new in it. `changed`: what was done to the load balancer. */
  async report(service: Service, report: StatusReport, signal: AbortSignal, changed?: string): Promise<void> {
    const current = this.current(service);
    if (current === undefined) return;
    const before = current.status?.conditions ?? [];
    await this.#writer.report(current, report, signal);
    for (const announcement of announcements(before, report.findings, changed)) this.announce(current, announcement);
  }

  /** Lets the Service go, with all that says it was ours; false when it is gone already. */
  async release(service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<boolean> {
    const current = this.current(service);
    if (current === undefined) return false;
    await this.#writer.release(current, cleanup, signal);
    return true;
  }

  /** Writes to the Service itself, by a merge patch of what `current` says. */
  async amend(service: Service, patch: object, signal: AbortSignal): Promise<void> {
    await this.#writer.amend(service, patch, signal);
  }

  announce(service: Service, { type, reason, message }: Announcement): void {
    const { recorder, logger } = this.#options;
    recorder.event(service, { type, reason, action: "SyncLoadBalancer", note: message });
    const fields = { service: objectKey(service.metadata), reason, why: message };
    if (type === "Warning") logger.warn("service event", fields);
    else logger.info("service event", fields);
  }

  /** The newest state of this very Service. */
  current({ metadata }: Service): Service | undefined {
    const current = this.#options.services.get(objectKey(metadata));
    return current?.metadata.uid === metadata.uid ? current : undefined;
  }
}
