import { forbiddenField } from "../field-error.ts";
import type { JsonMap, KubeObject } from "../object.ts";
import { keyOf } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import { badRequest, expired, invalidObject, StatusError } from "../status.ts";
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
  const selection = parseSelection(type, namespace, query);
  const limit = Number(query.get("limit") ?? 0);
  const token = parseToken(query.get("continue"));
  checkVersionMatch(query);
  const revision = token === undefined ? wantedRevision(store, query) : token.rv === -1 ? store.revision : token.rv;
  const all = objectsAt(store, type.collection, revision, token).filter(selection.includes);
  const first = token === undefined ? 0 : all.findIndex((object) => keyOf(object) >= token.start);
  const rest = first === -1 ? [] : all.slice(first);
  if (limit <= 0 || rest.length <= limit) return { objects: rest, metadata: { resourceVersion: `${revision}` } };
  const start = keyOf(rest[limit] as KubeObject);
  return {
    objects: rest.slice(0, limit),
    metadata: {
      resourceVersion: `${revision}`,
      continue: formatToken({ rv: revision, start }),
      // Counting what a selector leaves would mean to read it all, so the API does not say it then.
      ...(selection.isSelective ? {} : { remainingItemCount: rest.length - limit }),
    },
  };
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

function checkVersionMatch(query: URLSearchParams): void {
  const match = query.get("resourceVersionMatch") ?? "";
  if (match === "") return;
  const version = query.get("resourceVersion") ?? "";
  const why = query.has("continue")
    ? "resourceVersionMatch is forbidden when continue is provided"
    : version === ""
      ? "resourceVersionMatch is forbidden unless resourceVersion is provided"
      : match === "Exact" && version === "0"
        ? 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'
        : undefined;
  if (why !== undefined)
    throw invalidObject({ group: "meta.k8s.io", kind: "ListOptions" }, "", [
      forbiddenField("resourceVersionMatch", why),
    ]);
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
