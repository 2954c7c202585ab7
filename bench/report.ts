import {
  comparisonHead,
  comparisonRows,
  type Measure,
  markdownTable,
  mebibytes,
  median,
  milliseconds,
  p99,
} from "./comparison.ts";

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

const measures: readonly Measure<Life>[] = [
  { name: "cold start", samples: (life) => [life.coldMs], value: median, format: milliseconds },
  { name: "its CPU time", samples: (life) => [life.coldCpuMs], value: median, format: milliseconds },
  { name: "its rules alone", samples: (life) => [life.restoreMs], value: median, format: milliseconds },
  { name: "change, p50", samples: (life) => life.changesMs, value: median, format: milliseconds },
  { name: "change, p99", samples: (life) => life.changesMs, value: p99, format: milliseconds },
  { name: "peak RSS", samples: (life) => [life.peakBytes], value: median, format: mebibytes },
];

/**
 * A Markdown table with one row for each measure and number of Services, one column for each contender, and how many
 * times as much as each other one the first contender took: below 1 it is the better one.
 */
export function report(lives: readonly Life[]): string {
  const sizes = [...new Set(lives.map(({ services }) => services))].toSorted((a, b) => a - b);
  const contenders = [...new Set(lives.map(({ contender }) => contender))];
  const rows = sizes.flatMap((size) =>
    comparisonRows(
      measures,
      contenders.map((name) => lives.filter(({ services, contender }) => services === size && contender === name)),
    ).map((row) => [`${size}`, ...row]),
  );
  return markdownTable([["Services", ...comparisonHead(contenders)], ...rows]);
}
