import { type Summary, summarize } from "./statistics.ts";

/** What one life of a contender showed, from its start to its end. */
export interface Life {
  /** How many Services there were. */
  readonly services: number;
  readonly contender: string;
  /** From the start of its process to the first answer through the last Service. */
  readonly coldMs: number;
  /** The processor time of its process and of the programs that it had run until then. */
  readonly coldCpuMs: number;
  /** What `iptables-restore` alone takes to write the rules that the contender had written by its end. */
  readonly restoreMs: number;
  /** From sending a change of endpoints to the first answer of a new one, for each change. */
  readonly changesMs: readonly number[];
  /** The most memory that its process held; what it starts does not count. */
  readonly peakBytes: number;
}

interface Measure {
  readonly name: string;
  readonly samples: (life: Life) => readonly number[];
  readonly value: (summary: Summary) => number;
  readonly format: (value: number) => string;
}

const milliseconds = (value: number): string => `${value.toFixed(0)} ms`;
const mebibytes = (value: number): string => `${(value / 2 ** 20).toFixed(0)} MiB`;

const measures: readonly Measure[] = [
  { name: "cold start", samples: (life) => [life.coldMs], value: (all) => all.median, format: milliseconds },
  { name: "its CPU time", samples: (life) => [life.coldCpuMs], value: (all) => all.median, format: milliseconds },
  { name: "its rules alone", samples: (life) => [life.restoreMs], value: (all) => all.median, format: milliseconds },
  { name: "change, p50", samples: (life) => life.changesMs, value: (all) => all.median, format: milliseconds },
  { name: "change, p99", samples: (life) => life.changesMs, value: (all) => all.p99, format: milliseconds },
  { name: "peak RSS", samples: (life) => [life.peakBytes], value: (all) => all.median, format: mebibytes },
];

/**
 * A Markdown table with one row for each measure and number of Services, one column for each contender, and how many
 * times as much as each other one the first contender took: below 1 it is the better one.
 */
export function report(lives: readonly Life[]): string {
  const sizes = [...new Set(lives.map(({ services }) => services))].toSorted((a, b) => a - b);
  const contenders = [...new Set(lives.map(({ contender }) => contender))];
  const ratios = contenders.slice(1).map((other) => `ratio to ${other}`);
  const rows = sizes.flatMap((size) =>
    measures.map(({ name, samples, value, format }) => {
      const summaries = contenders.map((contender) =>
        summarize(lives.filter((life) => life.services === size && life.contender === contender).flatMap(samples)),
      );
      const values = summaries.map(value);
      const [own = 0, ...others] = values;
      const cells = values.map(format);
      return [`${size}`, name, `${summaries[0]?.count}`, ...cells, ...others.map((other) => (own / other).toFixed(2))];
    }),
  );
  return markdownTable([["Services", "measure", "samples", ...contenders, ...ratios], ...rows]);
}

/** The first row is the head; the first two columns are text, all others numbers. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number): boolean => column === 1;
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
