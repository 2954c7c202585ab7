import { isMap, sameJson } from "../object.ts";

type Same = (a: unknown, b: unknown) => boolean;

/** Whether two items of a list are the same one: by their key, or as a whole. */
function comparer(key: string | undefined): Same {
  return (a, b) => (key === undefined ? sameJson(a, b) : isMap(a) && isMap(b) && sameJson(a[key], b[key]));
}

/** Whether the items do not all come in `order`, which may name others between them. */
export function outOfOrder(items: readonly unknown[], order: readonly unknown[], key: string | undefined): boolean {
  const same = comparer(key);
  let next = 0;
  for (const item of order) if (next < items.length && same(items[next], item)) next += 1;
  return next < items.length;
}

/**
 * Puts the items that the patch names (or its `$setElementOrder`) in that order; the others keep their place before
 * those that they stood before.
 */
export function ordered(
  items: readonly unknown[],
  before: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const same = comparer(key);
  const placeIn = (list: readonly unknown[], item: unknown): number => list.findIndex((other) => same(other, item));
  const named = items
    .filter((item) => placeIn(order, item) !== -1)
    .toSorted((a, b) => placeIn(order, a) - placeIn(order, b));
  // Two of one key come together, at the place of the first.
  const others = items
    .filter((item) => placeIn(order, item) === -1)
    .toSorted((a, b) => placeIn(before, a) - placeIn(before, b));
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const place = placeIn(before, item);
    // Items that stood before this one still do; a new item (-1) has nothing before it.
    for (; next < others.length && placeIn(before, others[next]) < place; next++) result.push(others[next]);
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}
