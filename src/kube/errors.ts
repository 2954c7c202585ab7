import type { V1Status } from "@kubernetes/client-node";
import { errorMessage, type Json } from "../base/index.ts";

export type Status = Json<V1Status>;

/** One field that the API server refused. */
export interface StatusCause {
  readonly field?: string;
  readonly message?: string;
  readonly reason?: string;
}

/** The API server answered, and said no. The message is the server's own. */
export class KubeApiError extends Error {
  override readonly name = "KubeApiError";
  readonly code: number;
  /** The machine-readable reason, as `NotFound`; empty when what answered is no API server. */
  readonly reason: string;
  readonly details: Status["details"];
  readonly causes: readonly StatusCause[];
  /** How long the server asked to wait before the next try. */
  readonly retryAfterMs: number | undefined;

  constructor(status: Status, retryAfterMs?: number) {
    super(status.message ?? `API server answered ${status.code ?? "without a code"}`);
    this.code = status.code ?? 0;
    this.reason = status.reason ?? "";
    this.details = status.details;
    this.causes = status.details?.causes ?? [];
    const seconds = status.details?.retryAfterSeconds;
    this.retryAfterMs = retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1000);
  }
}

/** An error answer: the Status that the API server sent, or what a proxy before it said instead. */
export function answerError(code: number, body: string, retryAfter: string | undefined, what: string): KubeApiError {
  const seconds = retryAfter === undefined || !/^\d+$/.test(retryAfter) ? undefined : Number(retryAfter) * 1000;
  return new KubeApiError({ message: `${what}: answer ${code}`, ...parseStatus(body), code }, seconds);
}

function parseStatus(body: string): Status {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && "kind" in value && value.kind === "Status")
      return value as Status;
  } catch {
    // A proxy's page: shown as it is, in short.
  }
  const text = body.trim().slice(0, 200);
  return text === "" ? {} : { message: text };
}

/** OpenSSL's messages hold line breaks. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The API server could not be reached, or the connection broke before it had answered. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(server: string, cause: unknown) {
    super(`cannot reach the API server ${server}: ${oneLine(errorMessage(cause))}; ${remedy(cause)}`, { cause });
  }
}

/** A watch stream carried something that is no event, or ended within one. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
}

const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: "check that it runs and listens on that port",
  ECONNRESET: "it closed the connection; check its log",
  ENOTFOUND: "the host name does not resolve; check it and the DNS",
  EAI_AGAIN: "the DNS did not answer",
  EHOSTUNREACH: "check the route to that address",
  ENETUNREACH: "check the route to that address",
  ETIMEDOUT: "check the address and any firewall on the way",
  UND_ERR_CONNECT_TIMEOUT: "check the address and any firewall on the way",
  DEPTH_ZERO_SELF_SIGNED_CERT: "give its CA certificate (certificate-authority in the kubeconfig)",
  SELF_SIGNED_CERT_IN_CHAIN: "give its CA certificate (certificate-authority in the kubeconfig)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the CA certificate does not fit; check certificate-authority in the kubeconfig",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the CA certificate does not fit; check certificate-authority in the kubeconfig",
  CERT_SIGNATURE_FAILURE: "the CA certificate does not fit; check certificate-authority in the kubeconfig",
  CERT_HAS_EXPIRED: "its certificate has expired; renew it, or check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name; check the server address or tls-server-name",
  EPROTO: "that port does not speak TLS; check https:// or http:// in the server address",
  ERR_SSL_WRONG_VERSION_NUMBER: "that port does not speak TLS; check https:// or http:// in the server address",
  HPE_INVALID_CONSTANT: "that port does not speak plain HTTP; check https:// or http:// in the server address",
};

function remedy(error: unknown): string {
  for (const code of errorCodes(error)) {
    const found = remedies[code];
    if (found !== undefined) return found;
  }
  return "check the address and that the server runs";
}

function errorCodes(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = "code" in error && typeof error.code === "string" ? [error.code] : [];
  const inner = error instanceof AggregateError ? error.errors.flatMap(errorCodes) : [];
  return [...own, ...inner, ...errorCodes(error.cause)];
}

export function isNotFound(error: unknown): error is KubeApiError {
  return hasCode(error, 404);
}

/** A stale resourceVersion: read again and retry. A name that exists already is not a conflict. */
export function isConflict(error: unknown): error is KubeApiError {
  return hasCode(error, 409) && error.reason !== "AlreadyExists";
}

export function isAlreadyExists(error: unknown): error is KubeApiError {
  return hasCode(error, 409) && error.reason === "AlreadyExists";
}

export function isInvalid(error: unknown): error is KubeApiError {
  return hasCode(error, 422);
}

export function isForbidden(error: unknown): error is KubeApiError {
  return hasCode(error, 403);
}

export function isUnauthorized(error: unknown): error is KubeApiError {
  return hasCode(error, 401);
}

/** The resourceVersion or continue token is too old: list again. */
export function isGone(error: unknown): error is KubeApiError {
  return hasCode(error, 410);
}

export function isTooManyRequests(error: unknown): error is KubeApiError {
  return hasCode(error, 429);
}

function hasCode(error: unknown, code: number): error is KubeApiError {
  return error instanceof KubeApiError && error.code === code;
}
