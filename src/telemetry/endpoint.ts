import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, ListenOptions } from "node:net";

export interface RouteAnswer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Route = (request: IncomingMessage) => RouteAnswer | Promise<RouteAnswer>;

export interface EndpointOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Whether `::` means IPv6 alone, so that another server may have the port on IPv4. */
  readonly ipv6Only?: boolean;
  /** Path -> answer; the path `*` answers whatever has no route of its own (else 404). */
  readonly routes: Readonly<Record<string, Route>>;
}

/** A listening HTTP server that its owner disposes. */
export interface HttpEndpoint extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Serves health, metrics and debug pages. Rejects with the listen error (`EADDRINUSE`, ...) when it cannot. */
export async function serveEndpoints({ host, port, ipv6Only = false, routes }: EndpointOptions): Promise<HttpEndpoint> {
  const server = createServer((request, response) => void respond(routes, request, response));
  await listen(server, { host, port, ipv6Only });
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function respond(
  routes: EndpointOptions["routes"],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body, contentType = "text/plain; charset=utf-8", headers } = await answer(routes, request);
  response.writeHead(status, { "content-type": contentType, ...headers });
  response.end(body);
}

async function answer(routes: EndpointOptions["routes"], request: IncomingMessage): Promise<RouteAnswer> {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const route = routes[path] ?? routes["*"];
  if (route === undefined) return { status: 404, body: "not found\n" };
  try {
    return await route(request);
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` };
  }
}

function listen(server: Server, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
