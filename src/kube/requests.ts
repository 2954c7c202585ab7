import type { Dispatcher } from "undici";
import { type Clock, sleep, withTimeout } from "../base/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { RotatingAgent } from "./agent.ts";
import { parseAnswer, readAnswer } from "./answers.ts";
import { type KubeConnection, remedyOf } from "./connection.ts";
import {
  answerError,
  BadAnswerError,
  ConnectionError,
  isCertificateError,
  isUnauthorized,
  KubeApiError,
} from "./errors.ts";
import { type Fence, FencedError, fenced } from "./fence.ts";
import { counter, histogram } from "./instruments.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the server's address, as `/api/v1/services`. */
  readonly path: string;
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** Limit of each try, from the first byte sent to the last received; 30 s by default. */
  readonly timeoutMs?: number | undefined;
  /** Asked at each try; `FencedError` is thrown when it is down. */
  readonly fence?: Fence | undefined;
}

/** As client-go: so often is a request tried when the server asks for patience. */
const maxTries = 10;
const defaultTimeoutMs = 30_000;
/** Long enough that a Lease that is renewed every 10 s needs no new TLS handshake each time. */
const keepAliveMs = 60_000;
/** A server that asks for more gets its error handed to the caller instead, who can do something else meanwhile. */
const maxRetryAfterMs = 30_000;

/** Requests that are answered in one piece, all over one undici Agent. */
export class RequestDoor implements AsyncDisposable {
  readonly #connection: KubeConnection;
  /** Time limits are each request's own. */
  readonly #agent = new RotatingAgent({
    connections: 32,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
  });
  readonly #clock: Clock;
  readonly #count: (code: string, method: string) => void;
  readonly #time: (method: string, seconds: number) => void;

  constructor(connection: KubeConnection, clock: Clock, metrics: Metrics) {
    this.#connection = connection;
    this.#clock = clock;
    const { host } = new URL(connection.server);
    const requests = counter(metrics, "rest_client_requests_total", "Requests by answer code, method and host.", [
      "code",
      "method",
      "host",
    ]);
    const durations = histogram(
      metrics,
      "rest_client_request_duration_seconds",
      "Time from sending a request to its whole answer.",
      ["verb", "host"],
      [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    );
    this.#count = (code, method) => requests.inc({ code, method, host });
    this.#time = (verb, seconds) => durations.observe({ verb, host }, seconds);
  }

  async send(request: KubeRequest): Promise<unknown> {
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#try(request);
      if (!("error" in answer)) return answer.value;
      const { error } = answer;
      if (!renewed && (isUnauthorized(error) || isCertificateError(error))) {
        renewed = true;
        await this.#connection.credentials(true);
        continue;
      }
      if (!(error instanceof KubeApiError) || !asksForPatience(error) || attempt >= maxTries) throw error;
      await sleep(error.retryAfterMs, request.signal, this.#clock);
    }
  }

  async #try(request: KubeRequest): Promise<{ value: unknown } | { error: KubeApiError | ConnectionError }> {
    const {
      method,
      path,
      query,
      body,
      contentType = "application/json",
      signal,
      timeoutMs = defaultTimeoutMs,
      fence,
    } = request;
    signal.throwIfAborted();
    const { server } = this.#connection;
    const credentials = await this.#connection.credentials();
    const { tls, headers } = credentials;
    const what = `${method} ${server}${path}`;
    using limit = withTimeout(signal, timeoutMs, what, this.#clock);
    const start = this.#clock.monotonic();
    let answer: Dispatcher.ResponseData;
    let text: string;
    const agent = this.#agent.for(tls);
    try {
      answer = await (fence === undefined ? agent : fenced(agent, fence)).request({
        origin: new URL(server).origin,
        path: pathWithQuery(server, path, query),
        method,
        headers: { accept: "application/json", ...headers, ...(body !== undefined && { "content-type": contentType }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: limit.signal,
      });
      text = await readAnswer(answer.body, what);
    } catch (error) {
      if (error instanceof FencedError) throw error;
      // Nobody may be there any more, and undici does not notice: its HTTP/2 pings go unanswered without consequence.
      if (limit.signal.aborted) this.#agent.retire();
      signal.throwIfAborted();
      this.#count("<error>", method);
      if (error instanceof BadAnswerError) throw error;
      return { error: new ConnectionError(server, error) };
    }
    const { statusCode } = answer;
    this.#count(String(statusCode), method);
    this.#time(method, (this.#clock.monotonic() - start) / 1000);
    if (statusCode >= 200 && statusCode < 300) return { value: parseAnswer(text, what) };
    const remedy = remedyOf(statusCode, credentials, this.#clock.now());
    return { error: answerError(statusCode, text, oneHeader(answer.headers["retry-after"]), what, remedy) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
  }
}

function asksForPatience(error: KubeApiError): error is KubeApiError & { retryAfterMs: number } {
  return (
    (error.code === 429 || error.code >= 500) &&
    error.retryAfterMs !== undefined &&
    error.retryAfterMs <= maxRetryAfterMs
  );
}

export function oneHeader(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "object" ? value[0] : value;
}

/** The request target: the path of the server's own address, ours, and what of the query is defined. */
export function pathWithQuery(server: string, path: string, query: Query = {}): string {
  const prefix = new URL(server).pathname.replace(/\/$/, "");
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `${prefix}${path}${search === "" ? "" : `?${search}`}`;
}
