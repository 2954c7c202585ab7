import { type Event, type ObjectMeta, objectKey, type Resource } from "../../api/index.ts";
import { KubeApiError, type KubeObject, type WatchEvent } from "../../kube/index.ts";
import type { AgentOptions } from "../agent-options.ts";

interface Stored {
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

type Client = AgentOptions["client"];

/** An API server of three collections; a collection answers watches once it is opened. */
export class FakeSource implements Client {
  readonly paths: string[] = [];
  #version = 0;
  readonly #opened = new Map<string, PromiseWithResolvers<void>>();
  readonly #events = new Map<string, WatchEvent<Stored>[]>();
  #wake = Promise.withResolvers<void>();

  open(plural: string): void {
    this.#gate(plural).resolve();
  }

  send(plural: string, type: "ADDED" | "MODIFIED" | "DELETED", object: Stored): void {
    const resourceVersion = `${++this.#version}`;
    const metadata = { uid: objectKey(object.metadata), ...object.metadata, resourceVersion };
    this.#list(plural).push({ type, object: { ...object, metadata } });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Events and the Lease, in short. */
  readonly writes: string[] = [];
  /** Without it the credentials are kube-proxy's: no right to a Lease. */
  mayReport = true;

  async get(): Promise<never> {
    if (!this.mayReport) throw new KubeApiError({ code: 403, reason: "Forbidden", message: "leases is forbidden" });
    throw new KubeApiError({ code: 404, reason: "NotFound" });
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const { reason, note, metadata } = object as Partial<Event> & KubeObject;
    this.writes.push(`${resource.kind} ${reason === undefined ? metadata.name : `${reason}: ${note}`}`);
    return object;
  }

  patch(): never {
    throw new Error("no event comes twice");
  }

  async mergePatch<T>(): Promise<T> {
    throw new Error("nothing lasts for ten seconds here");
  }

  list(): never {
    throw new Error("no watch breaks");
  }

  listAll(): never {
    throw new Error("watches bring the initial state");
  }

  async *watch<T>(path: string, query: object, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    const plural = path.split("/").at(-1) ?? "";
    this.paths.push(`${path} ${JSON.stringify(query)}`);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    await Promise.race([this.#gate(plural).promise, aborted]);
    const events = this.#list(plural) as WatchEvent<T>[];
    let sent = 0;
    while (sent < events.length) yield events[sent++] as WatchEvent<T>;
    const annotations = { "k8s.io/initial-events-end": "true" };
    yield { type: "BOOKMARK", object: { metadata: { resourceVersion: `${this.#version}`, annotations } } };
    for (;;) {
      while (sent < events.length) yield events[sent++] as WatchEvent<T>;
      await Promise.race([this.#wake.promise, aborted]);
    }
  }

  #gate(plural: string): PromiseWithResolvers<void> {
    return this.#opened.getOrInsertComputed(plural, () => Promise.withResolvers<void>());
  }

  #list(plural: string): WatchEvent<Stored>[] {
    return this.#events.getOrInsertComputed(plural, () => []);
  }
}
