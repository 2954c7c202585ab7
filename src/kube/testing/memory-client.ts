import type { Resource } from "../../api/index.ts";
import { type Clock, onAbort } from "../../base/index.ts";
import type { KubeClient, KubeObject, ObjectAt, Page, Selection } from "../client.ts";
import { ConnectionError, KubeApiError } from "../errors.ts";
import type { Query } from "../requests.ts";
import type { WatchEvent } from "../watch-stream.ts";
import type { Collection } from "./collection.ts";
import { mergePatch } from "./serve.ts";

type Verbs = Pick<KubeClient, "get" | "create" | "mergePatch" | "list" | "listAll" | "watch">;

/** A client of a collection in the same process, whose line to it can be cut. */
export class MemoryClient implements Verbs {
  readonly #collection: Collection;
  readonly #clock: Clock;
  /** Refused: the request never arrives. Lost: it is served, but the answer never comes. */
  line: "up" | "refused" | "lost" = "up";
  /** What every write is answered with instead of being done. */
  refusal: KubeApiError | undefined;
  /** How long an answer to a write is on its way, and comes whether or not anybody still wants it. */
  delayMs = 0;
  /** Writes that were sent. */
  readonly writes: string[] = [];
  /** Reads that were sent: lists, and watches with where they began. */
  readonly reads: string[] = [];
  #cut = new AbortController();

  constructor(collection: Collection, clock: Clock) {
    this.#collection = collection;
    this.#clock = clock;
  }

  async get<T extends KubeObject>(_: Resource<T>, { name }: ObjectAt, signal: AbortSignal): Promise<T> {
    return await this.#over(signal, () => this.#find(name) as T);
  }

  async create<T extends KubeObject>(_: Resource<T>, object: T, signal: AbortSignal): Promise<T> {
    this.writes.push("create");
    return await this.#write(signal, () => {
      if (this.#collection.get(object.metadata.name ?? "") !== undefined) throw refusal(409, "AlreadyExists");
      return this.#collection.put(object) as T;
    });
  }

  async mergePatch<T extends KubeObject>(
    _: Resource<T>,
    { metadata: { name = "", resourceVersion } }: KubeObject,
    body: object,
    signal: AbortSignal,
  ): Promise<T> {
    this.writes.push("patch");
    return await this.#write(signal, () => {
      const known = this.#find(name);
      if (known.metadata.resourceVersion !== resourceVersion) throw refusal(409, "Conflict");
      return this.#collection.put(mergePatch(known, body) as KubeObject) as T;
    });
  }

  /** Of a page only the version matters here. */
  async list<T extends KubeObject>(_: Resource<T>, __: Selection, signal: AbortSignal): Promise<Page<T>> {
    this.reads.push("page");
    return await this.#over(signal, () => ({ items: [], resourceVersion: this.#collection.version }));
  }

  async listAll<T extends KubeObject>(_: Resource<T>, __: Selection, signal: AbortSignal): Promise<Page<T>> {
    this.reads.push("list");
    return await this.#over(signal, () => ({
      items: this.#collection.all() as T[],
      resourceVersion: this.#collection.version,
    }));
  }

  async *watch<T>(_: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    this.reads.push(`watch ${query["resourceVersion"] ?? "initial"}`);
    await this.#over(signal, () => {});
    const version = query["resourceVersion"];
    if (version !== undefined && Number(version) < this.#collection.oldest) throw refusal(410, "Expired");
    const events: object[] = [];
    let wake = (): void => {};
    const stop = this.#collection.watch(version === undefined ? undefined : Number(version), (event) => {
      events.push(event);
      wake();
    });
    const cut = this.#cut.signal;
    using _abort = onAbort(signal, () => wake());
    using _cut = onAbort(cut, () => wake());
    try {
      for (;;) {
        signal.throwIfAborted();
        if (cut.aborted && cut.reason === "end") return;
        if (cut.aborted) throw new ConnectionError("http://memory", new Error("cut"));
        const event = this.line === "up" ? events.shift() : undefined;
        if (event !== undefined) yield event as WatchEvent<T>;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      stop();
    }
  }

  /** Ends every watch that is open: in order, or as when its connection breaks. */
  cut(how: "end" | "break"): void {
    this.#cut.abort(how);
    this.#cut = new AbortController();
  }

  #find(name: string): KubeObject {
    const known = this.#collection.get(name);
    if (known === undefined) throw refusal(404, "NotFound");
    return known;
  }

  async #write<T>(signal: AbortSignal, serve: () => T): Promise<T> {
    const { delayMs } = this;
    const answer = await this.#over(signal, () => {
      if (this.refusal !== undefined) throw this.refusal;
      return serve();
    });
    if (delayMs > 0) await new Promise<void>((resolve) => this.#clock.schedule(resolve, delayMs));
    return answer;
  }

  async #over<T>(signal: AbortSignal, serve: () => T): Promise<T> {
    await Promise.resolve();
    signal.throwIfAborted();
    if (this.line === "refused") throw new ConnectionError("http://memory", new Error("no line"));
    const lost = this.line === "lost";
    const answer = serve();
    if (lost) await new Promise((_, reject) => onAbort(signal, () => reject(signal.reason)));
    return answer;
  }
}

function refusal(code: number, reason: string): KubeApiError {
  return new KubeApiError({ code, reason });
}
