import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Clock, onAbort } from "../base/index.ts";
import { tlsOptions } from "./agent.ts";
import type { TlsCredentials } from "./connection.ts";

export interface PingTimes {
  readonly intervalMs: number;
  readonly deadlineMs: number;
}

/** Large enough that one slow watch does not hold up the others on the session. */
const streamWindow = 1024 * 1024;
const sessionWindow = 16 * streamWindow;

/** Opens an HTTP/2 session; undefined when the server speaks only HTTP/1.1. */
export async function openSession(
  url: URL,
  tls: TlsCredentials,
  signal: AbortSignal,
  clock: Clock,
  ping: PingTimes,
): Promise<ClientHttp2Session | undefined> {
  const socket = await connectSocket(url, tls, signal);
  if (socket.alpnProtocol !== "h2") {
    socket.destroy();
    return undefined;
  }
  const session = connectHttp2(url.origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: streamWindow },
  });
  // Streams report their own end; the session has nobody else to tell.
  session.on("error", () => {});
  session.once("connect", () => session.setLocalWindowSize(sessionWindow));
  keepPinging(session, clock, ping);
  return session;
}

async function connectSocket(url: URL, tls: TlsCredentials, signal: AbortSignal): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connectTls({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 443),
    ALPNProtocols: ["h2", "http/1.1"],
    ...tlsOptions(tls),
  });
  socket.once("secureConnect", () => resolve(socket));
  socket.once("error", reject);
  using _ = onAbort(signal, () => {
    socket.destroy();
    reject(signal.reason);
  });
  try {
    return await promise;
  } finally {
    socket.off("error", reject);
    // Between here and the session's own listener nothing is awaited that could fail unheard.
    socket.on("error", () => {});
  }
}

/** A peer that vanished without a FIN is noticed: TCP alone would wait for minutes or for ever. */
function keepPinging(session: ClientHttp2Session, clock: Clock, { intervalMs, deadlineMs }: PingTimes): void {
  let timer: Disposable;
  function wait(): void {
    timer = clock.schedule(send, intervalMs);
  }
  function send(): void {
    // Destroyed in this very turn, which "close" tells in a later one; a ping would throw with nobody to catch it.
    if (session.destroyed) return;
    timer = clock.schedule(
      () => session.destroy(new Error(`no answer to an HTTP/2 ping within ${deadlineMs} ms`)),
      deadlineMs,
    );
    session.ping((error) => {
      timer[Symbol.dispose]();
      if (error === null && !session.destroyed) wait();
    });
  }
  session.once("close", () => timer[Symbol.dispose]());
  wait();
}

export interface AnswerHead {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
}

/** Status and headers of the answer, once they are there. */
export function responseOf(stream: ClientHttp2Stream): Promise<AnswerHead> {
  return new Promise((resolve, reject) => {
    stream.once("response", (headers) => {
      resolve({
        status: headers[":status"] ?? 0,
        retryAfter: headers["retry-after"],
        contentType: headers["content-type"],
      });
    });
    stream.once("error", reject);
    stream.once("close", () => reject(new Error("the server closed the stream without an answer")));
  });
}
