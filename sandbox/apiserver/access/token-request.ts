import { type FieldError, invalid } from "../field-error.ts";
import { asList, asMap, asText, type JsonMap, type KubeObject, timestamp } from "../object.ts";
import { badRequest, conflict, invalidObject } from "../status.ts";
import { issuer, type ServiceAccountTokens } from "./tokens.ts";

const kind = { group: "authentication.k8s.io", kind: "TokenRequest" };
export const tokenRequestSchema = "io.k8s.api.authentication.v1.TokenRequest";
const hour = 3600;
const shortest = 600;
const longest = 2 ** 32;

/** Answers a TokenRequest for a service account: what `kubectl create token` sends. */
export function requestToken(
  tokens: ServiceAccountTokens,
  { metadata }: KubeObject,
  request: JsonMap,
  now: number,
): JsonMap {
  const { name = "", namespace = "", uid = "" } = metadata;
  checkIdentity(asMap(request["metadata"]), { name, namespace, uid });
  const spec = asMap(request["spec"]);
  if (spec["boundObjectRef"] !== undefined)
    throw badRequest("tokens are bound to no other object here; leave out spec.boundObjectRef");
  const seconds = Number(spec["expirationSeconds"] ?? hour);
  const wrong =
    seconds < shortest
      ? "may not specify a duration less than 10 minutes"
      : seconds > longest
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (wrong !== undefined) throw invalidObject(kind, "", [invalid("spec.expirationSeconds", seconds, wrong)]);
  const named = asList(spec["audiences"]).map(asText);
  const audiences = named.length === 0 ? [issuer] : named;
  return {
    kind: kind.kind,
    apiVersion: `${kind.group}/v1`,
    metadata: { name, namespace, uid, creationTimestamp: timestamp(now) },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: null },
    status: {
      token: tokens.issue({ namespace, name, uid }, audiences, seconds),
      expirationTimestamp: timestamp(now + seconds * 1000),
    },
  };
}

/** What the body says of the account must be so. */
function checkIdentity(asked: JsonMap, account: { name: string; namespace: string; uid: string }): void {
  const errors: FieldError[] = (["name", "namespace"] as const).flatMap((field) => {
    const text = asText(asked[field]);
    const words = field === "name" ? "name" : "namespace";
    return text === "" || text === account[field]
      ? []
      : [invalid(`metadata.${field}`, text, `must match the service account ${words} if specified`)];
  });
  if (errors.length > 0) throw invalidObject(kind, account.name, errors.slice(0, 1));
  const uid = asText(asked["uid"]);
  if (uid !== "" && uid !== account.uid)
    throw conflict(
      kind,
      account.name,
      `the UID in the token request (${uid}) does not match the UID of the service account (${account.uid})`,
    );
}
