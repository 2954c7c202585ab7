// Few rows that show every combination of any three choices. Pure.

/** An axis and the names of its choices. */
export type Axes = Readonly<Record<string, readonly string[]>>;
export type Row = Readonly<Record<string, string>>;

/** Three axes with a choice of each, as one text. */
type Triple = string;

/**
 * Greedy: each row begins with a triple that no row has yet, and takes on each other axis the choice that brings the
 * most of those. The same rows for the same axes.
 */
export function coveringRows(axes: Axes): readonly Row[] {
  const names = Object.keys(axes);
  const missing = new Set(allTriples(axes));
  const rows: Row[] = [];
  for (const first of missing) {
    const row: Record<string, string> = Object.fromEntries(first.split(" ").map((pair) => pair.split("=")));
    for (const name of names.filter((each) => row[each] === undefined))
      row[name] = bestChoice(axes, missing, row, name);
    for (const triple of triplesOf(row)) missing.delete(triple);
    rows.push(row);
  }
  return rows;
}

function bestChoice(axes: Axes, missing: ReadonlySet<Triple>, row: Row, name: string): string {
  const gain = (choice: string): number =>
    triplesOf({ ...row, [name]: choice }).filter((triple) => missing.has(triple)).length;
  return (axes[name] ?? []).reduce((best, choice) => (gain(choice) > gain(best) ? choice : best));
}

/** Every combination of three choices. */
export function allTriples(axes: Axes): readonly Triple[] {
  return threes(Object.keys(axes)).flatMap(([a, b, c]) =>
    (axes[a] ?? []).flatMap((x) =>
      (axes[b] ?? []).flatMap((y) => (axes[c] ?? []).map((z) => `${a}=${x} ${b}=${y} ${c}=${z}`)),
    ),
  );
}

/** The combinations of three that a row shows. */
export function triplesOf(row: Row): readonly Triple[] {
  return threes(Object.keys(row)).map((names) => names.map((name) => `${name}=${row[name]}`).join(" "));
}

function threes(names: readonly string[]): readonly (readonly [string, string, string])[] {
  const sorted = names.toSorted();
  return sorted.flatMap((a, i) =>
    sorted.slice(i + 1).flatMap((b, j) => sorted.slice(i + j + 2).map((c) => [a, b, c] as const)),
  );
}
