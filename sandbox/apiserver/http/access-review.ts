import { asMap, type JsonMap } from "../object.ts";

export const accessReviewPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/** Who holds the token may do everything, so `kubectl auth can-i` always hears yes. */
export function reviewAccess(body: unknown): JsonMap {
  return { ...asMap(body), status: { allowed: true } };
}
