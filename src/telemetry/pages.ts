// What debug pages have in common: JSON for people, sorted by whoever writes it, and bounded.
import type { RouteAnswer } from "./endpoint.ts";

/** Items on one page, unless asked for others. */
const defaultLimit = 200;
const maxLimit = 2000;
/** Longer lists are cut, and say how long they are. */
const maxListed = 500;

/** An answer that no cache keeps and no browser takes for anything else. */
export function jsonAnswer(value: unknown, indent?: number): RouteAnswer {
  return {
    status: 200,
    contentType: "application/json",
    headers: { "x-content-type-options": "nosniff", "cache-control": "no-cache, private" },
    body: JSON.stringify(value, undefined, indent),
  };
}

/**
 * What the query asks for of items that a Service's `namespace/name` tells apart: `?service=` one of them, `?limit=` and
 * `?after=` the next page.
 */
export function pageOf<T extends { readonly key: string }>(
  items: readonly T[],
  query: URLSearchParams,
  describe: (item: T) => object,
): object {
  const wanted = query.get("service");
  const after = query.get("after") ?? "";
  const asked = Number(query.get("limit") ?? defaultLimit);
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, maxLimit) : defaultLimit;
  const found = items
    .filter(({ key }) => (wanted === null ? key > after : key === wanted))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const shown = found.slice(0, limit);
  const rest = found.length > shown.length ? { next: shown.at(-1)?.key } : {};
  return { total: items.length, ...rest, items: shown.map(describe) };
}

/** The list, or its first part and how long it is. */
export function cutList<T>(
  list: readonly T[],
): readonly T[] | { readonly total: number; readonly first: readonly T[] } {
  return list.length <= maxListed ? list : { total: list.length, first: list.slice(0, maxListed) };
}
