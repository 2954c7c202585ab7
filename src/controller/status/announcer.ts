import { objectKey, type Service } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import type { EventRecorder } from "../../kube/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { Announcement } from "./announcements.ts";

/** What an event may be about: a Service, even one that is gone. */
export type Subject = Pick<Service, "apiVersion" | "kind" | "metadata">;

/** As long as trouble lasts, so often is it told of. */
const repeatMs = 300_000;

/** Writes events, and sees to it that trouble that lasts or comes and goes makes no storm of them. */
export class Announcer {
  readonly #recorder: Pick<EventRecorder, "event">;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By UID: when (monotonic) each trouble since the last time that all was well was told. */
  readonly #told = new Map<string, Map<string, number>>();

  constructor(recorder: Pick<EventRecorder, "event">, clock: Clock, logger: Logger) {
    this.#recorder = recorder;
    this.#clock = clock;
    this.#logger = logger;
  }

  announce(subject: Subject, { type, reason, message }: Announcement): void {
    this.#recorder.event(subject, { type, reason, action: "SyncLoadBalancer", note: message });
    const fields = { service: objectKey(subject.metadata), reason, why: message };
    if (type === "Warning") this.#logger.warn("service event", fields);
    else this.#logger.info("service event", fields);
  }

  /** Once, then every five minutes. `isKnown`: it has been told of before, by an earlier process perhaps. */
  trouble(subject: Subject, announcement: Announcement, isKnown = false): void {
    const uid = subject.metadata.uid ?? "";
    const told = this.#told.get(uid) ?? new Map<string, number>();
    this.#told.set(uid, told);
    const text = `${announcement.reason} ${announcement.message}`;
    const now = this.#clock.monotonic();
    const last = told.get(text);
    if (last !== undefined && now - last < repeatMs) return;
    for (const [other, at] of told) if (now - at >= repeatMs) told.delete(other);
    told.set(text, now);
    if (last !== undefined || !isKnown) this.announce(subject, announcement);
  }

  /** The trouble is over, if there was any: the next is news. */
  calm({ metadata: { uid = "" } }: Subject): void {
    this.#told.delete(uid);
  }
}
