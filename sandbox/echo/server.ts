import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from "node:dgram";
import { type EventEmitter, once } from "node:events";
import { rmSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import { createServer, type Socket } from "node:net";
import type { EchoConfig } from "./config.ts";

/** A running echo server. */
export interface Echo {
  /** Serves on for the drain time, then takes nothing new and resolves when the last connection has ended. */
  drain(): Promise<void>;
}

interface Seen {
  readonly address: string;
  readonly port: number;
}

/** Starts every listener; resolves when all of them listen. */
export async function startEcho(config: EchoConfig): Promise<Echo> {
  const state = { ready: config.ready };
  const control = createHttpServer((request, response) => {
    const { status, body } = controlAnswer(request.url ?? "/", state);
    response.writeHead(status, { "content-type": "text/plain" }).end(body);
  });
  const http = createHttpServer((request, response) => {
    const { status, body } = httpAnswer(request, config, state);
    const type = body.startsWith("{") ? "application/json" : "text/plain";
    response.writeHead(status, { "content-type": type, "x-pod": config.pod }).end(body);
  });
  const servers = config.tcpPorts.map(() => createServer({ allowHalfOpen: true }, (s) => serve(s, config, http)));
  const sockets = config.udpPorts.map(() => createSocket("udp6"));
  for (const socket of sockets) socket.on("message", (data, peer) => answerDatagram(socket, config, data, peer));
  // A process that was killed has left its socket behind.
  rmSync(config.control, { force: true });
  await Promise.all([
    listening(control.listen(config.control)),
    ...servers.map((server, i) => listening(server.listen(config.tcpPorts[i]))),
    ...sockets.map((socket, i) => listening(socket.bind(config.udpPorts[i]))),
  ]);
  return {
    async drain() {
      await new Promise((resolve) => setTimeout(resolve, config.drainMs));
      for (const socket of sockets) socket.close();
      const ended = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      // From here on an answer says `connection: close`; those that are idle now end at once.
      http.close();
      http.closeIdleConnections();
      await Promise.all(ended);
      control.close();
      control.closeAllConnections();
    },
  };
}

async function listening(server: EventEmitter): Promise<void> {
  await once(server, "listening");
}

function answerDatagram(socket: DatagramSocket, config: EchoConfig, data: Buffer, peer: RemoteInfo): void {
  if (config.silent) return;
  const answer = line(config, { address: unmapped(peer.address), port: peer.port }, data.toString().trimEnd());
  socket.send(answer, peer.port, peer.address);
}

/** One port speaks HTTP to whoever begins with an HTTP method, and lines to everybody else. */
function serve(socket: Socket, config: EchoConfig, http: HttpServer): void {
  socket.on("error", () => socket.destroy());
  if (config.silent) {
    socket.on("end", () => void socket.end());
    socket.resume();
    return;
  }
  const hangUp = (): void => void socket.end();
  socket.once("end", hangUp);
  socket.once("data", (first: Buffer) => {
    socket.off("end", hangUp);
    if (/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /.test(first.toString("latin1", 0, 8))) {
      socket.pause();
      http.emit("connection", socket);
      socket.unshift(first);
      socket.resume();
      return;
    }
    serveLines(socket, config, first);
  });
}

function serveLines(socket: Socket, config: EchoConfig, first: Buffer): void {
  const client = { address: unmapped(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
  let rest = "";
  const take = (data: Buffer): void => {
    const lines = (rest + data.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) socket.write(line(config, client, text.trimEnd()));
  };
  take(first);
  socket.on("data", take);
  socket.on("end", () => {
    socket.end(rest === "" ? "" : line(config, client, rest));
  });
}

function line(config: EchoConfig, client: Seen, said: string): string {
  return `${JSON.stringify({ pod: config.pod, node: config.node, client: client.address, clientPort: client.port, said })}\n`;
}

function httpAnswer(
  request: IncomingMessage,
  config: EchoConfig,
  state: { ready: boolean },
): { status: number; body: string } {
  const url = request.url ?? "/";
  const client = { address: unmapped(request.socket.remoteAddress ?? ""), port: request.socket.remotePort ?? 0 };
  switch (url.replace(/\?.*$/, "")) {
    case "/hostname":
      return { status: 200, body: `${config.pod}\n` };
    case "/clientip":
      return { status: 200, body: `${client.address}\n` };
    case "/healthz":
    case "/ready":
    case "/unready":
      return controlAnswer(url, state);
    default:
      return {
        status: 200,
        body: `${JSON.stringify({
          pod: config.pod,
          namespace: config.namespace,
          node: config.node,
          client: client.address,
          clientPort: client.port,
          method: request.method,
          path: url,
          host: request.headers.host,
        })}\n`,
      };
  }
}

function controlAnswer(url: string, state: { ready: boolean }): { status: number; body: string } {
  if (url === "/ready" || url === "/unready") state.ready = url === "/ready";
  return state.ready ? { status: 200, body: "ok\n" } : { status: 503, body: "not ready\n" };
}

/** An IPv4 client of a dual-stack socket comes as ::ffff:a.b.c.d. */
function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
