import type { KubeObject } from "../client.ts";
import type { Collection, Send } from "./collection.ts";

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly body: Body | undefined;
}

/** What a client may send: an object or a merge patch of one. */
export interface Body {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
}

/** An answer: its code and its body. */
export type Answer = readonly [code: number, body: object];

/** What the server of a collection answers to all but watches. Its pages hold no more than so many objects. */
export function serve(
  collection: Collection,
  { method, path, query, contentType, body }: Request,
  pageSize: number = Number.POSITIVE_INFINITY,
): Answer {
  const name =
    path
      .replace(/\/status$/, "")
      .split("/")
      .at(-1) ?? "";
  const named = collection.get(name);
  if (method === "GET" && collection.isCollection(path)) {
    const limit = Number(query.get("limit"));
    return collection.page(limit === 0 ? 0 : Math.min(limit, pageSize), query.get("continue"));
  }
  if (method === "POST" && body?.metadata !== undefined) {
    if (collection.get(body.metadata.name ?? "") !== undefined) return refusal(409, "AlreadyExists");
    return [201, collection.put({ ...body, metadata: body.metadata })];
  }
  if (named === undefined) return refusal(404, "NotFound");
  if (method === "DELETE") return [200, collection.delete(name) ?? {}];
  if (method !== "PATCH" || contentType !== "application/merge-patch+json") return [200, named];
  const { resourceVersion = named.metadata.resourceVersion } = body?.metadata ?? {};
  if (resourceVersion !== named.metadata.resourceVersion) return refusal(409, "Conflict");
  return [200, collection.put(mergePatch(named, body) as KubeObject)];
}

/** Begins a watch, which sends until it is stopped, or says why not. */
export function serveWatch(
  collection: Collection,
  query: URLSearchParams,
  send: Send,
  watchList = true,
): Answer | (() => void) {
  const initial = query.get("sendInitialEvents") === "true";
  if (initial && !watchList) return refusal(422, "Invalid");
  const version = query.get("resourceVersion");
  if (version !== null && Number(version) < collection.oldest) return refusal(410, "Expired");
  return collection.watch(initial ? undefined : Number(version), send);
}

export function refusal(code: number, reason: string): Answer {
  return [code, status(code, reason)];
}

export function status(code: number, reason: string): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message: `${reason}, says the test` };
}

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
