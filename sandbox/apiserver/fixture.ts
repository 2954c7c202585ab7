// What the tests of this folder share: a server on loopback and a client that hides nothing.
import { type Cidr, parseCidr } from "../../src/net/index.ts";
import { type ApiServer, type ApiServerOptions, startApiServer } from "./index.ts";
import { isMap, type JsonMap } from "./object.ts";

export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
}

export function startServer(options: Partial<ApiServerOptions> = {}): Promise<ApiServer> {
  return startApiServer({
    listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
    serviceCidrs: [cidr("10.96.0.0/24")],
    nodePorts: { first: 30_000, last: 30_199 },
    ...options,
  });
}

export interface Reply {
  readonly status: number;
  readonly body: JsonMap;
  readonly headers: Headers;
}

/** A client of the first address of a server, which must be plain HTTP. */
export class TestClient {
  readonly #server: ApiServer;

  constructor(server: ApiServer) {
    this.#server = server;
  }

  async request(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<Reply> {
    const answer = await fetch(`${this.#server.urls[0]}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#server.token}`, "content-type": contentType },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const parsed: unknown = text.startsWith("{") ? JSON.parse(text) : { text };
    return { status: answer.status, body: isMap(parsed) ? parsed : {}, headers: answer.headers };
  }

  get(path: string): Promise<Reply> {
    return this.request("GET", path);
  }

  post(path: string, body: unknown): Promise<Reply> {
    return this.request("POST", path, body);
  }

  patch(path: string, body: unknown): Promise<Reply> {
    return this.request("PATCH", path, body, "application/merge-patch+json");
  }

  delete(path: string, body?: unknown): Promise<Reply> {
    return this.request("DELETE", path, body);
  }

  /** Reads until the path is gone: what the garbage collector does, it does a little later. */
  async untilGone(path: string): Promise<void> {
    while ((await this.get(path)).status !== 404);
  }

  async watch(path: string): Promise<TestWatch> {
    const controller = new AbortController();
    const answer = await fetch(`${this.#server.urls[0]}${path}`, {
      headers: { authorization: `Bearer ${this.#server.token}` },
      signal: controller.signal,
    });
    if (!answer.ok || answer.body === null) throw new Error(`no watch: ${answer.status} ${await answer.text()}`);
    return new TestWatch(answer.body, controller);
  }
}

export interface WatchEvent {
  readonly type: string;
  readonly object: JsonMap & { readonly metadata: JsonMap };
}

export class TestWatch implements Disposable {
  readonly #lines: AsyncIterator<string>;
  readonly #controller: AbortController;

  constructor(body: ReadableStream<Uint8Array>, controller: AbortController) {
    // Locked at once: fetch cancels the body of an answer that was collected while nobody read it.
    this.#lines = linesOf(body.getReader());
    this.#controller = controller;
  }

  /** The next event; undefined when the server ended the watch. */
  async next(): Promise<WatchEvent | undefined> {
    const { done, value } = await this.#lines.next();
    return done === true ? undefined : (JSON.parse(value) as WatchEvent);
  }

  /** The next events as `TYPE name`. */
  async take(count: number): Promise<readonly string[]> {
    const texts: string[] = [];
    while (texts.length < count) {
      const event = await this.next();
      if (event === undefined) break;
      texts.push(`${event.type} ${String(event.object.metadata["name"])}`);
    }
    return texts;
  }

  [Symbol.dispose](): void {
    this.#controller.abort();
  }
}

async function* linesOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  const decoder = new TextDecoder();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const lines = (rest + decoder.decode(chunk.value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
