import { errorMessage } from "../../../src/base/index.ts";
import type { User } from "../access/index.ts";
import type { JsonMap } from "../object.ts";
import { internalError, StatusError } from "../status.ts";

/** A request, free of the HTTP version that carried it. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** The whole body; throws StatusError when it is too large. */
  body(): Promise<Buffer>;
}

/** A request of somebody who may send it. */
export interface AdmittedRequest extends ApiRequest {
  readonly user: User;
  /** Adds a text to the warnings of the answer, whatever the answer will be. */
  readonly warn: (text: string) => void;
}

/** Where a watch writes; `write` answers false once the client has fallen too far behind. */
export interface Sink {
  write(text: string): boolean;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** An answer that goes on until it returns or the signal aborts. */
export interface StreamAnswer {
  readonly contentType: string;
  readonly headers?: ApiAnswer["headers"];
  run(sink: Sink, signal: AbortSignal): Promise<void>;
}

export type Answer = ApiAnswer | StreamAnswer;

export function json(status: number, body: JsonMap): ApiAnswer {
  return { status, contentType: "application/json", body: `${JSON.stringify(body)}\n` };
}

export function withWarnings(answer: Answer, warnings: ReadonlySet<string>): Answer {
  if (warnings.size === 0) return answer;
  // 299 is the code of RFC 7234 for warnings that stay with the answer; the agent is unknown.
  const warning = [...warnings].map((each) => `299 - ${JSON.stringify(each)}`);
  return { ...answer, headers: { ...answer.headers, warning } };
}

/** Whatever goes wrong leaves as a Status. */
export function answerError(error: unknown): ApiAnswer {
  const status = error instanceof StatusError ? error : internalError(errorMessage(error));
  return json(status.code, status.toStatus());
}

export function text(status: number, body: string): ApiAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}
