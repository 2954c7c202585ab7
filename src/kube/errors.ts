import type { V1Status } from "@kubernetes/client-node";
import { errorMessage, type Json, oneLine } from "../base/index.ts";

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
export function answerError(
  code: number,
  body: string,
  retryAfter: string | undefined,
  what: string,
  remedy?: string,
): KubeApiError {
  const seconds = retryAfter === undefined || !/^\d+$/.test(retryAfter) ? undefined : Number(retryAfter) * 1000;
  const status = { message: `${what}: answer ${code}`, ...parseStatus(body), code };
  const message = remedy === undefined ? status.message : `${status.message}; ${remedy}`;
  return new KubeApiError({ ...status, message }, seconds);
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

/** The API server could not be reached, or the connection broke before it had answered. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(server: string, cause: unknown) {
    super(`cannot reach the API server ${server}: ${oneLine(errorMessage(cause))}; ${remedy(cause)}`, { cause });
  }
}

/** Something answered that is no API server, or not to what was asked: a proxy's page, another kind, no end. */
export class BadAnswerError extends Error {
  override readonly name = "BadAnswerError";

  constructor(what: string, got: string, why = "no answer of a Kubernetes API server") {
    super(`${what}: got ${got}: ${why}; check the server's address and any proxy on the way`);
  }
}

/** A watch stream carried something that is no event, or ended within one. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
}

const caMissing = "give its CA certificate (certificate-authority in the kubeconfig)";
const caWrong = "the CA certificate does not fit; check certificate-authority in the kubeconfig";
const clientCertificate =
  "it refuses our client certificate; renew it (client-certificate of the user in the kubeconfig)";

const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: "check that it runs and listens on that port",
  ECONNRESET: "it closed the connection; check its log",
  UND_ERR_SOCKET: "it closed the connection; check its log, and https:// or http:// in the server address",
  ENOTFOUND: "the host name does not resolve; check it and the DNS",
  EAI_AGAIN: "the DNS did not answer",
  EHOSTUNREACH: "check the route to that address",
  ENETUNREACH: "check the route to that address",
  ETIMEDOUT: "check the address and any firewall on the way",
  UND_ERR_CONNECT_TIMEOUT: "check the address and any firewall on the way",
  DEPTH_ZERO_SELF_SIGNED_CERT: caMissing,
  SELF_SIGNED_CERT_IN_CHAIN: caMissing,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: caWrong,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: caWrong,
  UNABLE_TO_GET_ISSUER_CERT: caWrong,
  CERT_SIGNATURE_FAILURE: caWrong,
  CERT_HAS_EXPIRED: "its certificate has expired; renew it, or check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name; check the server address or tls-server-name",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; check this machine's clock",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: clientCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: clientCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: clientCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: clientCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: clientCertificate,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate,
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

/**
 * One side does not believe the other's certificate: nothing was sent, and certificates that have been renewed since
 * the last look may help.
 */
export function isCertificateError(error: unknown): boolean {
  return errorCodes(error).some((code) => certificateCodes.test(code));
}

const certificateCodes =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT_|ERR_SSL_.*_ALERT_.*(?:CERTIFICATE|UNKNOWN_CA))/;

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

/** The namespace of what is written is gone, or on its way with all that is in it. */
export function isNamespaceEnding(error: unknown): boolean {
  if (!(error instanceof KubeApiError)) return false;
  const isGone = error.code === 404 && error.details?.kind === "namespaces";
  return isGone || error.causes.some(({ reason }) => reason === "NamespaceTerminating");
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
