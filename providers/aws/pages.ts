import type { Aws, ReadName, Reads } from "./aws.ts";

/** AWS' limit of ARNs or names in one request. */
export const batchSize = 20;

/** How the three APIs say that there is more, and are asked for it. */
interface Page {
  readonly NextMarker?: string | undefined;
  readonly NextToken?: string | undefined;
  readonly PaginationToken?: string | undefined;
}

/** What all pages hold. */
export async function allPages<Name extends ReadName, Item>(
  aws: Aws,
  name: Name,
  input: Reads[Name]["input"],
  itemsOf: (page: Reads[Name]["output"]) => readonly Item[] | undefined,
  signal: AbortSignal,
): Promise<readonly Item[]> {
  const found: Item[] = [];
  for (let next: object | undefined = {}; next !== undefined; ) {
    const page: Reads[Name]["output"] = await aws.read(name, { ...input, ...next }, signal);
    found.push(...(itemsOf(page) ?? []));
    next = nextOf(page as Page);
  }
  return found;
}

/** So many at a time as AWS takes. */
export function inBatches<T>(items: readonly T[], size: number = batchSize): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function nextOf({ NextMarker, NextToken, PaginationToken }: Page): object | undefined {
  if (NextMarker) return { Marker: NextMarker };
  if (NextToken) return { NextToken };
  // The tagging API ends with an empty one.
  return PaginationToken ? { PaginationToken } : undefined;
}
