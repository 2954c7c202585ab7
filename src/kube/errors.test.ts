import { expect, it } from "vitest";
import {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  isUnauthorized,
  KubeApiError,
} from "./index.ts";

const predicates = {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  isUnauthorized,
};

it.each([
  [401, "Unauthorized", "isUnauthorized"],
  [403, "Forbidden", "isForbidden"],
  [404, "NotFound", "isNotFound"],
  [409, "AlreadyExists", "isAlreadyExists"],
  [409, "Conflict", "isConflict"],
  [410, "Expired", "isGone"],
  [410, "Gone", "isGone"],
  [422, "Invalid", "isInvalid"],
  [429, "TooManyRequests", "isTooManyRequests"],
])("%i %s is what only %s says yes to", (code, reason, expected) => {
  const error = new KubeApiError({ code, reason });
  const yes = Object.entries(predicates).flatMap(([name, says]) => (says(error) ? [name] : []));
  expect(yes).toEqual([expected]);
});

it("no predicate takes another error for an answer", () => {
  const error = Object.assign(new Error("other"), { code: 404 });
  expect(Object.values(predicates).some((says) => says(error))).toBe(false);
});

it("takes the wait from the details when no header tells it", () => {
  expect(new KubeApiError({ code: 429, details: { retryAfterSeconds: 3 } }).retryAfterMs).toBe(3000);
  expect(new KubeApiError({ code: 429, details: { retryAfterSeconds: 3 } }, 5000).retryAfterMs).toBe(5000);
});
