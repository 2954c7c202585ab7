import { apiGroup } from "./names.ts";

/** An annotation in our group that nobody knows. */
export interface UnknownAnnotation {
  readonly key: string;
  /** What was probably meant. */
  readonly nearest?: string;
}

/**
 * Those of the keys in our group that are none of the known ones, sorted. Those of other groups are others' business.
 */
export function unknownAnnotations(keys: readonly string[], knownKeys: readonly string[]): UnknownAnnotation[] {
  return keys
    .filter((key) => key.startsWith(`${apiGroup}/`) && !knownKeys.includes(key))
    .toSorted()
    .map((key) => {
      const nearest = nearestKey(key, knownKeys);
      return { key, ...(nearest !== undefined && { nearest }) };
    });
}

/**
 * The known key that takes the fewest edits (a character more, less, another, or two swapped) to come to from the
 * unknown one; of several the first. Undefined when even that is another word: more than half of it would change.
 */
export function nearestKey(unknown: string, known: readonly string[]): string | undefined {
  let nearest: { readonly key: string; readonly edits: number } | undefined;
  for (const key of known) {
    const edits = editDistance(nameOf(unknown), nameOf(key));
    if (edits <= nameOf(key).length / 2 && edits < (nearest?.edits ?? Number.POSITIVE_INFINITY))
      nearest = { key, edits };
  }
  return nearest?.key;
}

function nameOf(key: string): string {
  return key.replace(`${apiGroup}/`, "");
}

/** Optimal string alignment: each place is edited at most once. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(last, j) + 1,
          at(row, j - 1) + 1,
          at(last, j - 1) + changed,
          swapped ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
