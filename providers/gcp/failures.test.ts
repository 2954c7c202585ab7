import { expect, it } from "vitest";
import { failureOfAnswer, failureOfOperation } from "./failures.ts";

const notFound = {
  code: 404,
  message: "The resource 'x' was not found",
  errors: [{ reason: "notFound", domain: "global" }],
};
const google = "type.googleapis.com/google.rpc.";

it.each<[string, Parameters<typeof failureOfAnswer>, object]>([
  [
    "the shape of older APIs",
    [404, JSON.stringify({ error: notFound })],
    { status: 404, reasons: ["notFound"], message: "The resource 'x' was not found" },
  ],
  [
    "details",
    [
      403,
      JSON.stringify({
        error: {
          message: "Slow down",
          details: [
            { "@type": `${google}Help` },
            { "@type": `${google}ErrorInfo`, reason: "RATE_LIMIT_EXCEEDED", metadata: { quota_metric: "m", other: 1 } },
            { "@type": `${google}RetryInfo`, retryDelay: "1.5s" },
          ],
        },
      }),
    ],
    {
      status: 403,
      reasons: [],
      message: "Slow down",
      info: { reason: "RATE_LIMIT_EXCEEDED", metadata: { quota_metric: "m" } },
      retryAfterMs: 1500,
    },
  ],
  [
    "a header that tells when",
    [429, "{}", "30"],
    { status: 429, reasons: [], message: "answer 429", retryAfterMs: 30_000 },
  ],
  ["a date there", [429, "{}", "Wed, 21 Oct 2026 07:28:00 GMT"], { status: 429, reasons: [], message: "answer 429" }],
  ["a page of HTML", [502, "<html>"], { status: 502, reasons: [], message: "answer 502" }],
  ["an empty answer", [500, ""], { status: 500, reasons: [], message: "answer 500" }],
  ["JSON of another shape", [400, '["error"]'], { status: 400, reasons: [], message: "answer 400" }],
  ["an error that is a text", [400, '{"error":"invalid_grant"}'], { status: 400, reasons: [], message: "answer 400" }],
])("reads %s", (_, given, failure) => {
  expect(failureOfAnswer(...given)).toEqual(failure);
});

it.each<[string, object, object | undefined]>([
  ["one that succeeded", { status: "DONE" }, undefined],
  ["one that succeeded, as the client tells it", { status: "DONE", warnings: [] }, undefined],
  [
    "one that failed",
    { error: { errors: [{ code: "RESOURCE_NOT_READY", message: "it is not ready" }] }, httpErrorStatusCode: 400 },
    { status: 400, reasons: ["RESOURCE_NOT_READY"], message: "it is not ready" },
  ],
  [
    "one that met a limit",
    {
      error: {
        errors: [
          { code: "QUOTA_EXCEEDED", message: "too many", errorDetails: [{ quotaInfo: { metricName: "m", limit: 5 } }] },
        ],
      },
      httpErrorStatusCode: 403,
    },
    { status: 403, reasons: ["QUOTA_EXCEEDED"], message: "too many", quota: { metric: "m", limit: 5 } },
  ],
  [
    "one that tells its status alone",
    { httpErrorStatusCode: 503, httpErrorMessage: "SERVICE UNAVAILABLE" },
    { status: 503, reasons: [], message: "SERVICE UNAVAILABLE" },
  ],
  [
    "one of several errors",
    { error: { errors: [{ code: "A", message: "a" }, { code: "B" }] } },
    { status: 0, reasons: ["A", "B"], message: "a; B" },
  ],
])("reads of operations %s", (_, operation, failure) => {
  expect(failureOfOperation(operation as Readonly<Record<string, unknown>>)).toEqual(failure);
});
