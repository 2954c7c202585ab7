// A plain HTTP proxy in front of an API server's socket: the witness of what a process asks of it, and who gets in its
// way.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface ApiRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** There from the time that the request is passed on. */
  body: string;
}

export interface ApiProxyHooks {
  /** Called as soon as the head of a request is there. It may take its time; with `false` the connection breaks instead. */
  readonly before?: (request: ApiRequest) => boolean | Promise<boolean>;
  /** Called when the server has answered, before the asker hears of it. It may take its time. */
  readonly after?: (request: ApiRequest, status: number) => void | Promise<void>;
}

export interface ApiProxyOptions extends ApiProxyHooks {
  /** Of the API server. */
  readonly socketPath: string;
  /** Loopback by default. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
}

export interface ApiProxy extends AsyncDisposable {
  readonly url: string;
  /** Breaks every connection; new ones are welcome. */
  cut(): void;
}

/** What only looks; all else may change something. */
export function isRead({ method }: Pick<ApiRequest, "method">): boolean {
  return method === "GET" || method === "HEAD";
}

/** Starts a proxy; disposing it ends it. */
export async function startApiProxy(options: ApiProxyOptions): Promise<ApiProxy> {
  const { host = "127.0.0.1", port = 0 } = options;
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing, options).catch(() => incoming.socket.destroy());
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    cut: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A write is passed on though its sender has gone meanwhile: the network would not call it back either. */
async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { socketPath, before, after }: ApiProxyOptions,
): Promise<void> {
  const request: ApiRequest = { method: incoming.method ?? "", url: incoming.url ?? "", body: "" };
  const [passes, body] = await Promise.all([before?.(request) ?? true, text(incoming)]);
  if (!passes) throw new Error("refused");
  if (isRead(request) && outgoing.destroyed) return;
  request.body = body;
  const { method, url: path } = request;
  // The socket is the sandbox's own; nobody else can stand behind it.
  const upstream = httpsRequest({ socketPath, rejectUnauthorized: false, method, path, headers: incoming.headers });
  if (isRead(request)) outgoing.on("close", () => upstream.destroy());
  upstream.end(body);
  const [answer] = (await once(upstream, "response")) as [IncomingMessage];
  // What breaks later ends the answer, which whoever reads it sees.
  upstream.on("error", () => outgoing.destroy());
  const status = answer.statusCode ?? 502;
  await after?.(request, status);
  outgoing.writeHead(status, answer.headers);
  outgoing.flushHeaders();
  answer.pipe(outgoing);
}
