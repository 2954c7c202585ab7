import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { errorMessage, FailureError } from "../../src/base/index.ts";
import { withPort } from "../../src/net/index.ts";
import type { Credentials } from "./certificates.ts";
import type { Answer, ApiRequest, Sink } from "./http/message.ts";
import { StatusError } from "./status.ts";

/** Where to listen: `https` and `http` on TCP, or `https` on a unix socket. */
export type ListenAddress =
  | { readonly scheme: "https" | "http"; readonly host: string; readonly port: number }
  | { readonly scheme: "unix"; readonly path: string };

export type Handler = (request: ApiRequest) => Promise<Answer>;

export interface Listener extends AsyncDisposable {
  readonly url: string;
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

const maxBodyBytes = 3 * 1024 * 1024;
/** Idle connections stay as long as kube-apiserver keeps them. */
const keepAliveTimeout = 90_000;
/** Megabytes that wait in one HTTP/2 session; beyond it Node refuses new streams, and one list may be large. */
const maxSessionMemory = 1024;
/** A watch that falls this far behind is ended; its client starts again where it was. */
const maxBacklogBytes = 64 * 1024 * 1024;

export async function listen(
  address: ListenAddress,
  credentials: Credentials,
  handler: Handler,
  signal: AbortSignal,
): Promise<Listener> {
  const onRequest = (request: Request, response: Response): void =>
    void serve(request, response, handler, signal).catch((error: unknown) => response.destroy(error as Error));
  const sessions = new Set<Http2Session>();
  const sockets = new Set<{ destroy(): unknown }>();
  const server: Server =
    address.scheme === "http"
      ? createHttpServer({ keepAliveTimeout }, onRequest)
      : createSecureServer(
          { cert: credentials.certificate, key: credentials.key, allowHTTP1: true, maxSessionMemory },
          onRequest as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
        ).on("session", (session) => {
          sessions.add(session);
          session.once("close", () => sessions.delete(session));
        });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await started(server, address);
  return {
    url: urlOf(server, address),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function started(server: Server, address: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) =>
    reject(
      new FailureError(
        `--listen: cannot listen on ${describe(address)}: ${errorMessage(error)}; free it or give another`,
        {
          cause: error,
        },
      ),
    ),
  );
  if (address.scheme === "unix") server.listen(address.path, resolve);
  else server.listen(address.port, address.host, resolve);
  return promise;
}

function describe(address: ListenAddress): string {
  return address.scheme === "unix" ? address.path : withPort(address.host, address.port);
}

function urlOf(server: Server, address: ListenAddress): string {
  if (address.scheme === "unix") return `unix:${address.path}`;
  const { port } = server.address() as AddressInfo;
  const host = address.host === "::" ? "::1" : address.host === "0.0.0.0" ? "127.0.0.1" : address.host;
  return `${address.scheme}://${withPort(host, port)}`;
}

async function serve(request: Request, response: Response, handler: Handler, signal: AbortSignal): Promise<void> {
  const url = new URL(request.url ?? "/", "https://localhost");
  const answer = await handler({
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(",") : value;
    },
    body: () => readAll(request),
  });
  if (!("run" in answer)) {
    const body = Buffer.from(answer.body);
    const headers = { "content-type": answer.contentType, "content-length": body.length, ...answer.headers };
    writeHead(response, answer.status, headers);
    end(response, request.method === "HEAD" ? undefined : body);
    return;
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  writeHead(response, 200, { "content-type": answer.contentType, ...answer.headers });
  // Clients wait for the headers before the first event.
  if ("flushHeaders" in response) response.flushHeaders();
  await answer.run(sinkOf(response), AbortSignal.any([signal, gone.signal]));
  end(response);
}

// The two classes overload these methods differently, so that a union of them has no common signature.
function end(response: Response, body?: Buffer): void {
  (response.end as (body?: Buffer) => unknown).call(response, body);
}

function writeHead(response: Response, status: number, headers: Readonly<Record<string, unknown>>): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers))
    (response.setHeader as (name: string, value: unknown) => void).call(response, name, value);
}

function sinkOf(response: Response): Sink {
  return {
    write(text) {
      if (response.destroyed || response.writableEnded) return false;
      (response.write as (chunk: string) => boolean).call(response, text);
      return response.writableLength < maxBacklogBytes;
    },
  };
}

async function readAll(request: Request): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes)
      throw new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${maxBodyBytes}`);
  }
  return Buffer.concat(chunks);
}
