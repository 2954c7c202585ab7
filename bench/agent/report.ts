import {
  bytes,
  comparisonHead,
  comparisonRows,
  type Measure,
  markdownTable,
  mebibytes,
  median,
  milliseconds,
  p99,
  share,
} from "../comparison.ts";
import type { Case } from "./flags.ts";

/** What a while of a life cost, its children included. */
export interface Watched {
  /** Of one processor. */
  readonly cpuShare: number;
  /** At its end. */
  readonly residentBytes: number;
}

/** What one life of a contender showed, from its start to its end. */
export interface Life {
  /** From the start of its process to the first answer through the last Service. */
  readonly coldMs: number;
  /** The processor time of its process and of the programs that it had run until then. */
  readonly coldCpuMs: number;
  /** What `iptables-restore` alone takes to write the rules that the contender had written by its end. */
  readonly restoreMs: number;
  readonly rest: Watched;
  /** From sending a change of endpoints to the first answer of a new one, for each change. */
  readonly changesMs: readonly number[];
  /** Under ten changes a second. */
  readonly load: Watched;
  /** What went into the restores of one change. */
  readonly bytes: number;
}

/** A life, by whom and where. */
export interface Entry {
  readonly contender: string;
  readonly case: Case;
  readonly life: Life;
}

const measures: readonly Measure<Life>[] = [
  { name: "cold start", samples: (life) => [life.coldMs], value: median, format: milliseconds },
  { name: "its CPU time", samples: (life) => [life.coldCpuMs], value: median, format: milliseconds },
  { name: "its rules alone", samples: (life) => [life.restoreMs], value: median, format: milliseconds },
  { name: "change, p50", samples: (life) => life.changesMs, value: median, format: milliseconds },
  { name: "change, p99", samples: (life) => life.changesMs, value: p99, format: milliseconds },
  { name: "bytes of a change", samples: (life) => [life.bytes], value: median, format: bytes },
  { name: "CPU at rest", samples: (life) => [life.rest.cpuShare], value: median, format: share },
  { name: "RSS at rest", samples: (life) => [life.rest.residentBytes], value: median, format: mebibytes },
  { name: "CPU, 10 changes/s", samples: (life) => [life.load.cpuShare], value: median, format: share },
  { name: "RSS, 10 changes/s", samples: (life) => [life.load.residentBytes], value: median, format: mebibytes },
];

/**
 * A Markdown table with one row for each measure and case, one column for each contender, and how many times as much
 * as each other one the first contender took: below 1 it is the better one.
 */
export function report(entries: readonly Entry[]): string {
  const cases = [...new Set(entries.map((entry) => caseName(entry.case)))];
  const contenders = [...new Set(entries.map(({ contender }) => contender))];
  const rows = cases.flatMap((name) =>
    comparisonRows(
      measures,
      contenders.map((contender) =>
        entries
          .filter((entry) => caseName(entry.case) === name && entry.contender === contender)
          .map(({ life }) => life),
      ),
    ).map((row) => [name, ...row]),
  );
  return markdownTable([["Services", ...comparisonHead(contenders)], ...rows]);
}

export function caseName({ services, backend }: Case): string {
  return `${services} ${backend}`;
}
