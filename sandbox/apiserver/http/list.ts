import { type FieldError, forbiddenField, notSupported } from "../field-error.ts";
import type { JsonMap, KubeObject } from "../object.ts";
import { keyOf } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import { badRequest, expired, invalidOptions, StatusError } from "../status.ts";
import { ExpiredError, type Store } from "../store.ts";
import { parseSelection } from "./selection.ts";

export interface Page {
  readonly objects: readonly KubeObject[];
  readonly metadata: JsonMap;
}

const staleList =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/** Where the next page starts, and at which revision the list is; -1: at whatever is newest then. */
interface Token {
  readonly rv: number;
  readonly start: string;
}

/** One page of a collection, consistent with the page before it. */
export function listPage(
  store: Store,
  type: ResourceType,
  namespace: string | undefined,
  query: URLSearchParams,
): Page {
  const { includes, isSelective } = parseSelection(type, namespace, query);
  // Version 0 is answered from memory, which does not page.
  const limit = query.get("resourceVersion") === "0" && !query.has("continue") ? 0 : parseLimit(query.get("limit"));
  checkOptions(query);
  const token = parseToken(query.get("continue"));
  if (token !== undefined && parseVersion(query) !== 0)
    throw badRequest("specifying resource version is not allowed when using continue");
  const revision = token === undefined ? wantedRevision(store, query) : token.rv === -1 ? store.revision : token.rv;
  const all = objectsAt(store, type.collection, revision, token).filter(
    (object) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      (token === undefined || keyOf(object) >= token.start),
  );
  const { objects, read } = take(all, includes, limit);
  const next = all[read];
  if (next === undefined) return { objects, metadata: { resourceVersion: `${revision}` } };
  return {
    objects,
    metadata: {
      resourceVersion: `${revision}`,
      continue: formatToken({ rv: revision, start: keyOf(next) }),
      // Counting what a selector leaves would mean to read it all, so the API does not say it then.
      ...(isSelective ? {} : { remainingItemCount: all.length - read }),
    },
  };
}

/** Reads until the page is full, as from etcd: whether more of the rest is wanted, nobody knows yet. */
function take(
  all: readonly KubeObject[],
  includes: (object: KubeObject) => boolean,
  limit: number,
): { objects: readonly KubeObject[]; read: number } {
  if (limit === 0) return { objects: all.filter(includes), read: all.length };
  const objects: KubeObject[] = [];
  let read = 0;
  for (; read < all.length && objects.length < limit; read++) {
    const object = all[read];
    if (object !== undefined && includes(object)) objects.push(object);
  }
  return { objects, read };
}

function parseLimit(text: string | null): number {
  // Less than nothing is as good as no limit.
  if (text === null || /^-?\d+$/.test(text)) return Math.max(0, Number(text ?? 0));
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function objectsAt(
  store: Store,
  collection: string,
  revision: number,
  token: Token | undefined,
): readonly KubeObject[] {
  try {
    return store.listAt(collection, revision);
  } catch (error) {
    if (!(error instanceof ExpiredError)) throw error;
    if (token !== undefined) throw expired(staleList, { continue: formatToken({ rv: -1, start: token.start }) });
    throw expired(`The resourceVersion for the provided list is too old: ${revision} (oldest is ${error.oldest})`);
  }
}

function wantedRevision(store: Store, query: URLSearchParams): number {
  const requested = parseVersion(query);
  if (requested > store.revision) throw tooLarge(requested, store.revision);
  const isExact = query.get("resourceVersionMatch") === "Exact";
  return isExact ? requested : store.revision;
}

/** The number in `resourceVersion`; 0 without one. */
export function parseVersion(query: URLSearchParams): number {
  const text = query.get("resourceVersion") ?? "";
  if (!/^\d*$/.test(text))
    throw badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

export function tooLarge(requested: number, current: number): StatusError {
  return new StatusError(504, "Timeout", `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

function checkOptions(query: URLSearchParams): void {
  const match = query.get("resourceVersionMatch") ?? "";
  const version = query.get("resourceVersion") ?? "";
  const errors: FieldError[] = [];
  const forbid = (why: string): void => void errors.push(forbiddenField("resourceVersionMatch", why));
  if (match !== "") {
    if (version === "") forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (query.has("continue")) forbid("resourceVersionMatch is forbidden when continue is provided");
    if (match !== "Exact" && match !== "NotOlderThan")
      errors.push(notSupported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]));
    if (match === "Exact" && version === "0")
      forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (query.has("sendInitialEvents"))
    errors.push(forbiddenField("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  if (errors.length > 0) throw invalidOptions("ListOptions", errors);
}

function formatToken(token: Token): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", ...token })).toString("base64url");
}

function parseToken(text: string | null): Token | undefined {
  if (text === null || text === "") return undefined;
  try {
    const { rv, start } = JSON.parse(Buffer.from(text, "base64url").toString()) as Partial<Token>;
    if (typeof rv === "number" && typeof start === "string") return { rv, start };
  } catch {
    // Falls through: the same answer as for any other text that is no token of ours.
  }
  throw badRequest("continue key is not valid");
}
