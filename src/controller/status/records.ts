import {
  type LoadBalancerRecord,
  type LoadBalancerRecordStatus,
  loadBalancerRecords,
  objectKey,
  type Service,
} from "../../api/index.ts";
import { Backoff, type Clock, errorMessage, isAbort, type Random } from "../../base/index.ts";
import {
  FencedError,
  isConflict,
  isForbidden,
  isInvalid,
  isNamespaceEnding,
  isNotFound,
  type KubeClient,
  type Store,
  WorkQueue,
  type WorkResult,
} from "../../kube/index.ts";
import type { Logger, Metrics } from "../../telemetry/index.ts";
import { type RecordNote, recordPatch, recordStatus } from "./record-content.ts";
import { type Write, WriteError, whyRefused } from "./write-error.ts";

export interface RecordsOptions {
  readonly client: Pick<KubeClient, "list" | "create" | "mergePatch" | "delete">;
  readonly store: Store<LoadBalancerRecord>;
  /** Asked before each write to the API; a text says why there may be none. */
  readonly mayWrite: () => string | undefined;
  /** Called once when Records begin to be refused, with a Service that has none for that. */
  readonly onRefused: (service: Service, error: WriteError) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What is said in short order is written once. */
const debounceMs = 300;
/** How often to see whether the kind is served by now, or the Records that there are have come. */
const absentRetryMs = 300_000;
const syncRetryMs = 1000;
const backoff = { baseMs: 1000, capMs: 300_000 } as const;

const what = "its LoadBalancerRecord";
const writes = {
  list: { what, right: "list, watch loadbalancerrecords.berth.dev" },
  create: { what, right: "create loadbalancerrecords.berth.dev" },
  patch: { what, right: "patch loadbalancerrecords.berth.dev/status" },
  delete: { what, right: "delete loadbalancerrecords.berth.dev" },
} as const satisfies Readonly<Record<string, Write>>;

/** What the Record of a Service is to say; without a note the Record is to go. */
interface Draft {
  readonly service: Service;
  readonly note: RecordNote | undefined;
  /** Wall clock, milliseconds. */
  readonly notedAt: number;
}

/**
 * Writes the Records of Services: after everything else, only what differs, and never in anybody's way. Where the API
 * server refuses one, all rest for a while; what was to be said last is kept, and said then.
 */
export class Records implements Disposable {
  readonly #options: RecordsOptions;
  readonly #queue: WorkQueue;
  readonly #drafts = new Map<string, Draft>();
  readonly #backoff: Backoff;
  readonly #subscription: Disposable;
  #restingUntil = 0;
  #isRefused = false;

  constructor(options: RecordsOptions) {
    const { store, clock, random, logger, metrics } = options;
    this.#options = options;
    this.#backoff = new Backoff(backoff, random);
    this.#queue = new WorkQueue({ name: "records", logger, metrics, clock, random, backoff });
    const onChange = (record: LoadBalancerRecord): void => this.#add(objectKey(record.metadata));
    this.#subscription = store.subscribe({ update: (_, after) => onChange(after), delete: onChange });
  }

  /** What is known of a Service now. */
  note(service: Service, note: RecordNote): void {
    const before = this.#draftOf(service)?.note;
    const { steps = [] } = note;
    this.#draft(service, {
      ...note,
      seen: note.seen ?? before?.seen,
      // What happened since the last Record was written is not lost by what happened after it.
      steps: steps.length > 0 ? steps : before?.steps,
      failure: note.failure ?? before?.failure,
      nextTryAt: before?.nextTryAt,
    });
  }

  /** When the Service is looked at again; undefined when something has to happen first. */
  nextTry(service: Service, afterMs: number | undefined): void {
    const { note, notedAt } = this.#draftOf(service) ?? {};
    if (note === undefined) return;
    const nextTryAt = afterMs === undefined ? undefined : this.#options.clock.now() + afterMs;
    this.#draft(service, { ...note, nextTryAt }, notedAt);
  }

  /** What the Record of a Service is to say, whether or not it could be written; undefined without one. */
  statusOf(key: string): LoadBalancerRecordStatus | undefined {
    const { note, notedAt = 0 } = this.#drafts.get(key) ?? {};
    const known = this.#options.store.get(key)?.status;
    return note === undefined ? known : recordStatus(known ?? {}, note, notedAt);
  }

  /** Something is still to be written, and the API server takes it. */
  get isBusy(): boolean {
    return this.#drafts.size > 0 && this.#restingUntil <= this.#options.clock.monotonic();
  }

  /** The Service lives on without being ours. */
  release(service: Service): void {
    this.#draft(service, undefined);
  }

  /** The Service is gone, and takes its Record with it. */
  forget(service: Service): void {
    if (this.#draftOf(service) !== undefined) this.#drafts.delete(objectKey(service.metadata));
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#queue.run(1, (key) => this.#reconcile(key, signal), signal);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#queue[Symbol.dispose]();
  }

  #draftOf({ metadata }: Service): Draft | undefined {
    const draft = this.#drafts.get(objectKey(metadata));
    return draft?.service.metadata.uid === metadata.uid ? draft : undefined;
  }

  #draft(service: Service, note: RecordNote | undefined, notedAt: number = this.#options.clock.now()): void {
    const key = objectKey(service.metadata);
    this.#drafts.set(key, { service, note, notedAt });
    this.#add(key);
  }

  #add(key: string): void {
    if (this.#drafts.has(key)) this.#queue.addAfter(key, debounceMs);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<WorkResult> {
    const { clock, mayWrite, store } = this.#options;
    const rest = this.#restingUntil - clock.monotonic();
    if (rest > 0) return { requeueAfterMs: rest };
    const draft = this.#drafts.get(key);
    if (draft === undefined || mayWrite() !== undefined) return {};
    try {
      if (store.hasSynced) return await this.#write(key, draft, signal);
      // What keeps the watch from having them is told by a question of our own.
      await asking(writes.list, this.#options.client.list(loadBalancerRecords, { limit: 1 }, signal));
      return { requeueAfterMs: syncRetryMs };
    } catch (error) {
      if (!(error instanceof WriteError) || isAbort(error.cause, signal)) throw error;
      return this.#refused(key, draft, error);
    }
  }

  async #write(key: string, draft: Draft, signal: AbortSignal): Promise<WorkResult> {
    const { client, store, clock } = this.#options;
    const { service, note } = draft;
    let record = store.get(key);
    if (record !== undefined && (note === undefined || !isOwner(service, record))) {
      await this.#delete(record, signal);
      record = undefined;
    }
    if (note === undefined) {
      this.#drafts.delete(key);
      return {};
    }
    const patch = recordPatch(record?.status, note, clock.now());
    if (patch !== undefined) {
      // The server takes no status with a new object.
      record ??= await asking(writes.create, client.create(loadBalancerRecords, newRecord(service), signal));
      const part = { subresource: "status" };
      const write = client.mergePatch(loadBalancerRecords, record, { status: patch }, signal, part);
      store.overlay(await asking(writes.patch, write));
      this.#backoff.reset();
      this.#isRefused = false;
    }
    if (this.#drafts.get(key) === draft)
      this.#drafts.set(key, { ...draft, note: { ...note, steps: undefined, failure: undefined } });
    return {};
  }

  async #delete({ metadata }: LoadBalancerRecord, signal: AbortSignal): Promise<void> {
    const { namespace, name = "", uid } = metadata;
    const write = this.#options.client.delete(loadBalancerRecords, { namespace, name }, signal, { uid });
    try {
      await asking(writes.delete, write);
    } catch (error) {
      if (!(error instanceof WriteError) || !isNotFound(error.cause)) throw error;
    }
  }

  #refused(key: string, { service, note }: Draft, error: WriteError): WorkResult {
    const { cause, decision } = error;
    const { clock, logger } = this.#options;
    if (cause instanceof FencedError) return {};
    // The watch is about to bring what we did not know; if it does not, the key's own back-off holds.
    if (isConflict(cause) || isRecordGone(cause)) throw cause;
    if (isNamespaceEnding(cause)) {
      this.#drafts.delete(key);
      return {};
    }
    if (!isNotFound(cause) && !this.#isRefused) this.#tell(service, error);
    logger.debug("record not written", { service: key, why: errorMessage(error) });
    const forMs = "forMs" in decision ? decision.forMs : undefined;
    // The next thing to say may be taken, and so may what others have to say.
    if (isInvalid(cause)) {
      if (note === undefined && forMs !== undefined) return { requeueAfterMs: forMs };
      this.#drafts.delete(key);
      return {};
    }
    const restMs = isNotFound(cause) ? absentRetryMs : (forMs ?? this.#backoff.next());
    this.#restingUntil = clock.monotonic() + restMs;
    return { requeueAfterMs: restMs };
  }

  #tell(service: Service, error: WriteError): void {
    this.#isRefused = true;
    const { logger, onRefused } = this.#options;
    logger.warn("records are not written", { service: objectKey(service.metadata), why: whyRefused(error) });
    if (isForbidden(error.cause) || isInvalid(error.cause)) onRefused(service, error);
  }
}

/** Owned by the Service, so that the garbage collector takes it when that goes. */
function newRecord({ metadata: { namespace, name = "", uid = "" } }: Service): LoadBalancerRecord {
  const owner = { apiVersion: "v1", kind: "Service", name, uid, controller: true };
  return { metadata: { ...(namespace !== undefined && { namespace }), name, ownerReferences: [owner] } };
}

function isOwner({ metadata }: Service, record: LoadBalancerRecord): boolean {
  return (record.metadata.ownerReferences ?? []).some(({ uid }) => uid === metadata.uid);
}

async function asking<T>(write: Write, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new WriteError(write, error);
  }
}

/** The watch is about to say so; where the kind itself is not served, the answer names no object. */
function isRecordGone(error: unknown): boolean {
  return isNotFound(error) && error.details?.kind !== "namespaces" && error.details?.name !== undefined;
}
