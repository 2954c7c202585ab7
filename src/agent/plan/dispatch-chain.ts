/** A chain that all Services share: the rows of each, sorted by Service. */
export class DispatchChain {
  readonly #rows = new Map<string, readonly string[]>();
  /** The keys of `#rows`; undefined until somebody asks, so that a first load is sorted once. */
  #keys: string[] | undefined;

  /** Sets the rows of one Service; undefined when it has none. */
  set(key: string, rows: readonly string[] | undefined): void {
    const had = this.#rows.has(key);
    if (rows === undefined) this.#rows.delete(key);
    else this.#rows.set(key, rows);
    if (this.#keys === undefined || had === (rows !== undefined)) return;
    const at = lowerBound(this.#keys, key);
    if (had) this.#keys.splice(at, 1);
    else this.#keys.splice(at, 0, key);
  }

  /** All rows, one Service behind the other. */
  lines(): string[] {
    this.#keys ??= [...this.#rows.keys()].sort();
    const lines: string[] = [];
    for (const key of this.#keys) for (const line of this.#rows.get(key) ?? []) lines.push(line);
    return lines;
  }
}

/** Where the first element is that is not less than `value`. */
function lowerBound(sorted: readonly string[], value: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
