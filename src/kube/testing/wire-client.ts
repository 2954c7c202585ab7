import { Registry } from "prom-client";
import { onAbort } from "../../base/index.ts";
import { KubeClient, type KubeObject } from "../client.ts";
import { staticConnection } from "../connection.ts";
import { answerError, KubeApiError } from "../errors.ts";
import type { KubeRequest, Query } from "../requests.ts";
import { type WatchEvent, withoutManagedFields } from "../watch-stream.ts";
import type { Collection } from "./collection.ts";
import { Inbox } from "./inbox.ts";
import { type Answer, type Body, type Request, serve, serveWatch } from "./serve.ts";

/** An event as it arrives. */
export interface RawEvent {
  readonly type: string;
  readonly object: KubeObject;
}

/** What lies between a client and a server in the same process: it takes its time, and may fail. */
export interface Wire {
  /** Carries a request there and what `serve` returns or throws back; rejects with the reason of an abort. */
  exchange<T>(request: Request, serve: () => T, signal: AbortSignal): Promise<T>;
  /** The way back of a watch: carries events, in order, and may end it. */
  stream(request: Request, inbox: Inbox<RawEvent>): (event: RawEvent) => void;
}

/** A client as in production, but for what carries its requests to a collection. */
export class WireClient extends KubeClient {
  readonly #collection: Collection;
  readonly #wire: Wire;
  /** Whether the server sends the initial state in a watch. */
  watchList = true;
  /** The most objects that the server puts on a page. */
  pageSize: number = Number.POSITIVE_INFINITY;

  constructor(collection: Collection, wire: Wire) {
    super({ connection: staticConnection("http://wire"), metrics: new Registry() });
    this.#collection = collection;
    this.#wire = wire;
  }

  override async request<T>(request: KubeRequest): Promise<T> {
    request.signal.throwIfAborted();
    const asked = onWire(request);
    const respond = (): object => accepted(serve(this.#collection, asked, this.pageSize));
    return (await this.#wire.exchange(asked, respond, request.signal)) as T;
  }

  override async *watch<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    signal.throwIfAborted();
    const asked = onWire({ method: "GET", path, query: { ...query, watch: true } });
    using inbox = new Inbox<RawEvent>();
    using _ = onAbort(signal, () => inbox.fail(signal.reason));
    const carry = this.#wire.stream(asked, inbox);
    const open = (): void => {
      const stop = begun(serveWatch(this.#collection, asked.query, carry, this.watchList));
      inbox.use({ [Symbol.dispose]: stop });
    };
    await this.#wire.exchange(asked, open, inbox.failed);
    for await (const { type, object } of inbox.read()) {
      if (type === "ERROR") throw new KubeApiError(object);
      yield { type, object: withoutManagedFields(structuredClone(object)) } as WatchEvent<T>;
    }
  }
}

function onWire({ method, path, query = {}, contentType, body }: Omit<KubeRequest, "signal">): Request {
  const pairs = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
  // What arrives is what was asked, whatever becomes of the object meanwhile.
  return { method, path, query: new URLSearchParams(pairs), contentType, body: structuredClone(body) as Body };
}

function accepted([code, body]: Answer): object {
  if (code >= 300) throw answerError(code, JSON.stringify(body), undefined, "wire");
  return structuredClone(body);
}

function begun(answer: Answer | (() => void)): () => void {
  if (typeof answer === "function") return answer;
  throw answerError(answer[0], JSON.stringify(answer[1]), undefined, "wire");
}
