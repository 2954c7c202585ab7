import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Collection } from "./collection.ts";
import { type Body, refusal, serve, serveWatch } from "./serve.ts";

/** Node's HTTP/2 answers look the same as those of HTTP/1.1. */
export type Reply = ServerResponse;

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Body | undefined;
}

/** Answers one call instead of the server; false leaves it to the server. */
export type Fault = (call: Call, reply: Reply) => boolean | undefined;

export interface TestServerOptions {
  readonly protocol: "http" | "https" | "https-http1";
  /** Whether watches may ask for the initial state; as real servers do by default. */
  readonly watchList?: boolean;
}

export const testCa: string = read("tls.crt");

function read(name: string): string {
  return readFileSync(new URL(`../testdata/${name}`, import.meta.url), "utf8");
}

/** An API server of a hundred lines: one kind of object, versions, watches that can be hurt. */
export class TestServer implements AsyncDisposable {
  readonly collection: Collection = new Collection();
  /** Every call that came, in order. */
  readonly calls: Call[] = [];
  /** TCP connections that were ever opened. */
  connections = 0;
  /** Taken one per call of its method, before the server's own answer. */
  readonly faults: Fault[] = [];
  readonly sessions: Set<ServerHttp2Session> = new Set();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #options: TestServerOptions;

  constructor(options: TestServerOptions) {
    this.#options = options;
    const handler = (request: IncomingMessage | Http2ServerRequest, reply: Reply | Http2ServerResponse): void => {
      void this.#answer(request, reply as Reply);
    };
    const tls = { cert: testCa, key: read("tls.key") };
    if (options.protocol === "http") this.#server = createServer(handler);
    else if (options.protocol === "https-http1") this.#server = createTlsServer(tls, handler);
    else {
      const secure = createSecureServer({ ...tls, allowHTTP1: true }, handler);
      secure.on("session", (session) => {
        this.sessions.add(session);
        session.once("close", () => this.sessions.delete(session));
      });
      this.#server = secure;
    }
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(options: TestServerOptions): Promise<TestServer> {
    const server = new TestServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#options.protocol === "http" ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  /** Calls that are (no) watches. */
  watches(): Call[] {
    return this.calls.filter(({ query }) => query.get("watch") === "true");
  }

  /** Breaks every connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async #answer(request: IncomingMessage | Http2ServerRequest, reply: Reply): Promise<void> {
    reply.on("error", () => {});
    const url = new URL(request.url ?? "/", "http://server");
    const body = await text(request).catch(() => "");
    const call: Call = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: body === "" ? undefined : JSON.parse(body),
    };
    this.calls.push(call);
    const fault = this.faults.shift();
    if (fault?.(call, reply) === true) return;
    if (call.query.get("watch") === "true") this.#watch(call, reply);
    else answer(reply, ...serve(this.collection, { ...call, contentType: call.headers["content-type"] }));
  }

  #watch({ query }: Call, reply: Reply): void {
    const send = (event: object): void => void reply.write(`${JSON.stringify(event)}\n`);
    reply.setHeader("content-type", "application/json");
    const begun = serveWatch(this.collection, query, send, this.#options.watchList);
    if (typeof begun !== "function") return answer(reply, ...begun);
    reply.flushHeaders();
    reply.on("close", begun);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

export function answer(reply: Reply, code: number, body: unknown, headers: Record<string, string> = {}): void {
  reply.writeHead(code, { "content-type": "application/json", ...headers });
  reply.end(JSON.stringify(body));
}

export function answerStatus(reply: Reply, code: number, reason: string, headers: Record<string, string> = {}): void {
  answer(reply, ...refusal(code, reason), headers);
}
