import type { Failure } from "./errors.ts";

/** What an answer says that is no success. `retryAfter` is the header of that name. */
export function failureOfAnswer(status: number, body: string, retryAfter?: string): Failure {
  const error = recordOf(recordOf(jsonOf(body))["error"]);
  const details = listOf(error["details"]);
  const info = details.find(isOfType("ErrorInfo"));
  const retryAfterMs = secondsOf(retryAfter) ?? secondsOf(textOf(details.find(isOfType("RetryInfo"))?.["retryDelay"]));
  const message = textOf(error["message"]);
  return {
    status,
    reasons: listOf(error["errors"]).flatMap(({ reason }) => textOf(reason) ?? []),
    message: message === undefined || message === "" ? `answer ${status}` : message,
    ...(info !== undefined && {
      info: { reason: textOf(info["reason"]) ?? "", metadata: textsOf(recordOf(info["metadata"])) },
    }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** What an operation says that is done and failed; undefined for any other. The request itself was answered with 200. */
export function failureOfOperation(operation: Readonly<Record<string, unknown>>): Failure | undefined {
  const errors = listOf(recordOf(operation["error"])["errors"]);
  const status = Number(operation["httpErrorStatusCode"] ?? 0);
  if (errors.length === 0 && status < 400) return undefined;
  const quota = errors.flatMap(({ errorDetails }) => listOf(errorDetails)).map(({ quotaInfo }) => recordOf(quotaInfo));
  const metric = textOf(quota.find(({ metricName }) => metricName !== undefined)?.["metricName"]);
  const limit = quota.find((one) => one["limit"] !== undefined)?.["limit"];
  const message = errors.map((error) => textOf(error["message"]) ?? textOf(error["code"]) ?? "").join("; ");
  return {
    status,
    reasons: errors.flatMap(({ code }) => textOf(code) ?? []),
    message: message === "" ? (textOf(operation["httpErrorMessage"]) ?? "the operation failed") : message,
    ...(metric !== undefined && { quota: { metric, ...(limit !== undefined && { limit: Number(limit) }) } }),
  };
}

function isOfType(type: string): (detail: Readonly<Record<string, unknown>>) => boolean {
  return (detail) => textOf(detail["@type"])?.endsWith(`google.rpc.${type}`) === true;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `30` and `30s`; a date is not worth its parser. */
function secondsOf(text: string | undefined): number | undefined {
  const [, seconds] = /^(\d+(?:\.\d+)?)s?$/.exec(text ?? "") ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function listOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(recordOf) : [];
}

function textsOf(record: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
