import type { ClientHttp2Session } from "node:http2";
import { type Clock, onAbort, orAborted, withTimeout } from "../base/index.ts";
import { RotatingAgent } from "./agent.ts";
import { readAnswer } from "./answers.ts";
import { type Credentials, type KubeConnection, remedyOf, type TlsCredentials } from "./connection.ts";
import { answerError, BadAnswerError, ConnectionError, isCertificateError } from "./errors.ts";
import { type AnswerHead, openSession, type PingTimes, responseOf } from "./http2-session.ts";
import { oneHeader, pathWithQuery, type Query } from "./requests.ts";
import { type WatchEvent, watchEvents } from "./watch-stream.ts";

export interface WatchTimes {
  readonly ping: PingTimes;
  /** Over HTTP/1.1: a stream that is silent for so long is dead, as bookmarks come about once a minute. */
  readonly silenceMs: number;
  readonly connectMs: number;
  /** Until the headers of the answer. */
  readonly answerMs: number;
}

export const defaultWatchTimes: WatchTimes = {
  ping: { intervalMs: 10_000, deadlineMs: 10_000 },
  silenceMs: 75_000,
  connectMs: 10_000,
  answerMs: 30_000,
};

interface Answer extends AnswerHead {
  readonly body: AsyncIterable<Uint8Array>;
}

interface Session {
  readonly tls: TlsCredentials;
  /** Undefined inside: this server speaks only HTTP/1.1. */
  readonly http2: Promise<ClientHttp2Session | undefined>;
}

/** Watch streams: over TLS all in one HTTP/2 session that is pinged, else each on a connection of its own. */
export class WatchDoor implements AsyncDisposable {
  readonly #connection: KubeConnection;
  readonly #clock: Clock;
  readonly #times: WatchTimes;
  readonly #agent: RotatingAgent;
  readonly #stop = new AbortController();
  #session: Session | undefined;

  constructor(connection: KubeConnection, clock: Clock, times: WatchTimes) {
    this.#connection = connection;
    this.#clock = clock;
    this.#times = times;
    this.#agent = new RotatingAgent({ allowH2: false, bodyTimeout: times.silenceMs, headersTimeout: times.answerMs });
  }

  async *open<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    signal.throwIfAborted();
    const { server } = this.#connection;
    const what = `watch ${server}${path}`;
    const credentials = await this.#connection.credentials();
    // Ends the stream together with this generator, however far either is.
    const reading = new AbortController();
    using _ = onAbort(signal, () => reading.abort(signal.reason));
    try {
      const answer = await this.#request(
        pathWithQuery(server, path, { ...query, watch: true }),
        credentials,
        reading.signal,
      );
      if (answer.status !== 200) {
        if (answer.status === 401) await this.#connection.credentials(true);
        using limit = withTimeout(signal, this.#times.answerMs, "watch", this.#clock);
        // The status is what matters; a body that is broken or never ends is as good as none.
        const text = await orAborted(readAnswer(answer.body, what), limit.signal).catch(() => "");
        const remedy = remedyOf(answer.status, credentials, this.#clock.now());
        throw answerError(answer.status, text, answer.retryAfter, what, remedy);
      }
      if (answer.contentType?.startsWith("application/json") === false)
        throw new BadAnswerError(what, answer.contentType);
      yield* watchEvents<T>(asConnectionErrors(answer.body, server));
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      reading.abort(new Error("the watch is no longer read"));
    }
  }

  async #request(path: string, credentials: Credentials, signal: AbortSignal): Promise<Answer> {
    const { server } = this.#connection;
    try {
      if (server.startsWith("http:")) return await this.#overHttp1(path, credentials, signal);
      const session = await orAborted(this.#http2(credentials.tls), signal);
      if (session === undefined) return await this.#overHttp1(path, credentials, signal);
      try {
        return await this.#overHttp2(session, path, credentials, signal);
      } catch (error) {
        // A GOAWAY that crosses our request on the way refuses it; a new session will take it.
        if (signal.aborted || !(session.closed || session.destroyed)) throw error;
        const next = await orAborted(this.#http2(credentials.tls), signal);
        if (next === undefined) throw error;
        return await this.#overHttp2(next, path, credentials, signal);
      }
    } catch (error) {
      // As after a 401: the next try shall not have to wait for the next look at the files.
      if (isCertificateError(error)) await this.#connection.credentials(true);
      throw new ConnectionError(server, error);
    }
  }

  async #overHttp1(path: string, { tls, headers }: Credentials, signal: AbortSignal): Promise<Answer> {
    const { origin } = new URL(this.#connection.server);
    const answer = await this.#agent
      .for(tls)
      .request({ origin, path, method: "GET", headers: { accept: "application/json", ...headers }, signal });
    return {
      status: answer.statusCode,
      retryAfter: oneHeader(answer.headers["retry-after"]),
      contentType: oneHeader(answer.headers["content-type"]),
      body: answer.body,
    };
  }

  async #overHttp2(
    session: ClientHttp2Session,
    path: string,
    { headers }: Credentials,
    signal: AbortSignal,
  ): Promise<Answer> {
    const stream = session.request({ ":path": path, accept: "application/json", ...headers }, { signal });
    using limit = withTimeout(signal, this.#times.answerMs, "watch", this.#clock);
    using _ = onAbort(limit.signal, () => stream.destroy(limit.signal.reason));
    const head = await responseOf(stream);
    // Whoever iterates the body hears of its errors; without a reader they would end the process.
    stream.on("error", () => {});
    return { ...head, body: stream };
  }

  /**
   * The session that new streams go to; undefined when the server speaks only HTTP/1.1. One that has died, or that a
   * GOAWAY has closed for new streams, is replaced, while the streams on it live on to their end.
   */
  async #http2(tls: TlsCredentials): Promise<ClientHttp2Session | undefined> {
    const current = this.#session?.tls === tls ? this.#session : this.#replaceSession(tls);
    try {
      const http2 = await current.http2;
      if (http2 === undefined || !(http2.closed || http2.destroyed)) return http2;
    } catch (error) {
      this.#forget(current);
      throw error;
    }
    this.#forget(current);
    return await this.#http2(tls);
  }

  #forget(session: Session): void {
    if (this.#session === session) this.#session = undefined;
  }

  #replaceSession(tls: TlsCredentials): Session {
    void this.#session?.http2.then(
      (old) => old?.close(),
      () => {},
    );
    this.#session = { tls, http2: this.#connect(tls) };
    return this.#session;
  }

  async #connect(tls: TlsCredentials): Promise<ClientHttp2Session | undefined> {
    using limit = withTimeout(this.#stop.signal, this.#times.connectMs, "connect", this.#clock);
    const url = new URL(this.#connection.server);
    const session = await openSession(url, tls, limit.signal, this.#clock, this.#times.ping);
    if (session === undefined) return undefined;
    const listener = onAbort(this.#stop.signal, () => session.destroy());
    session.once("close", () => listener[Symbol.dispose]());
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the client is closed"));
    await this.#agent[Symbol.asyncDispose]();
  }
}

async function* asConnectionErrors(body: AsyncIterable<Uint8Array>, server: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new ConnectionError(server, error);
  }
}
