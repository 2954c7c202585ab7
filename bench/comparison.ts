import { type Summary, summarize } from "./statistics.ts";

/** Something that is read off the lives of contenders and set side by side. */
export interface Measure<L> {
  readonly name: string;
  /** None: this contender has no such thing. */
  readonly samples: (life: L) => readonly number[];
  readonly value: (summary: Summary) => number;
  readonly format: (value: number) => string;
}

export const milliseconds = (value: number): string => `${value.toFixed(0)} ms`;
export const mebibytes = (value: number): string => `${(value / 2 ** 20).toFixed(0)} MiB`;
export const bytes = (value: number): string => `${value.toFixed(0)} B`;
export const share = (value: number): string => `${(100 * value).toFixed(1)} %`;

export const median = (summary: Summary): number => summary.median;
export const p99 = (summary: Summary): number => summary.p99;
export const max = (summary: Summary): number => summary.max;

/** Column heads: those of the contenders, and of how many times as much as each other one the first one took. */
export function comparisonHead(contenders: readonly string[]): readonly string[] {
  return ["measure", "samples", ...contenders, ...contenders.slice(1).map((other) => `ratio to ${other}`)];
}

/** A row for each measure; `livesOf` are those of the contenders in the order of the columns. */
export function comparisonRows<L>(measures: readonly Measure<L>[], livesOf: readonly (readonly L[])[]): string[][] {
  return measures.map(({ name, samples, value, format }) => {
    const summaries = livesOf.map((lives) => {
      const all = lives.flatMap(samples);
      return all.length === 0 ? undefined : summarize(all);
    });
    const values = summaries.map((summary) => (summary === undefined ? undefined : value(summary)));
    const [own, ...others] = values;
    const cells = values.map((each) => (each === undefined ? "-" : format(each)));
    return [name, `${summaries[0]?.count ?? 0}`, ...cells, ...others.map((other) => ratio(own, other))];
  });
}

function ratio(own: number | undefined, other: number | undefined): string {
  return own === undefined || other === undefined || other === 0 ? "-" : (own / other).toFixed(2);
}

/** The first row is the head; the column of the measures is text, all others are numbers. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number): boolean => head[column] === "measure";
  const line = (row: readonly string[]): string => {
    const cells = widths.map((width, column) => {
      const cell = row[column] ?? "";
      return isText(column) ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${cells.join(" | ")} |`;
  };
  const rule = widths.map((width, column) => (isText(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.slice(1).map(line)].join("\n");
}
