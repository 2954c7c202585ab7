import {
  comparisonHead,
  comparisonRows,
  type Measure,
  markdownTable,
  max,
  mebibytes,
  median,
  milliseconds,
  p99,
} from "../comparison.ts";
import type { LongestBlocks } from "./block-probe.ts";
import type { Life, Relist } from "./life.ts";

const tenths = (value: number): string => `${value.toFixed(1)} ms`;
const plain = (value: number): string => value.toFixed(0);

function timed(name: string, ms: (life: Life) => number, format = milliseconds): Measure<Life> {
  return { name, samples: (life) => [ms(life)], value: median, format };
}

function memory(name: string, bytes: (life: Life) => number): Measure<Life> {
  return { name, samples: (life) => [bytes(life)], value: median, format: mebibytes };
}

/** The worst of all lives. */
function blocks(name: string, of: (life: Life) => LongestBlocks | undefined): Measure<Life>[] {
  const measure = (suffix: string, ms: (longest: LongestBlocks) => number): Measure<Life> => ({
    name: `${name}, longest block${suffix}`,
    samples: (life) => [of(life)].flatMap((longest) => (longest === undefined ? [] : ms(longest))),
    value: max,
    format: tenths,
  });
  return [measure("", ({ wallMs }) => wallMs), measure(", CPU", ({ cpuMs }) => cpuMs)];
}

function relisted(name: string, of: (relist: Relist, life: Life) => number, format = plain): Measure<Life> {
  const samples = (life: Life): readonly number[] => (life.relist === undefined ? [] : [of(life.relist, life)]);
  return { name, samples, value: max, format };
}

const measures: readonly Measure<Life>[] = [
  timed("start of the process", (life) => life.startMs),
  timed("sync", (life) => life.syncMs),
  timed("start and sync", (life) => life.startMs + life.syncMs),
  timed("sync, CPU time", (life) => life.syncCpuMs),
  memory("idle RSS", (life) => life.idleBytes),
  memory("sync, peak RSS over idle", (life) => life.syncPeakBytes - life.idleBytes),
  memory("held after it over idle", (life) => life.heldBytes - life.idleBytes),
  ...blocks("sync", (life) => life.syncBlocks),
  {
    name: "changes, per second",
    samples: (life) => [(life.changes / life.changesMs) * 1000],
    value: median,
    format: plain,
  },
  timed("changes, CPU time of 1000", (life) => (life.changesCpuMs / life.changes) * 1000),
  { name: "change to handler, p50", samples: (life) => life.lagsMs, value: median, format: tenths },
  { name: "change to handler, p99", samples: (life) => life.lagsMs, value: p99, format: tenths },
  ...blocks("changes", (life) => life.changesBlocks),
  relisted("relist, updates of the same", ({ updates }) => updates),
  relisted("relist, CPU time", ({ cpuMs }) => cpuMs, milliseconds),
  relisted("relist, peak RSS over idle", ({ peakBytes }, life) => peakBytes - life.idleBytes, mebibytes),
  ...blocks("relist", (life) => life.relist?.blocks),
];

/** A Markdown table: a row for each measure, a column for each contender, and the first one's ratio to each other. */
export function report(lives: readonly Life[]): string {
  const contenders = [...new Set(lives.map(({ contender }) => contender))];
  const livesOf = contenders.map((name) => lives.filter(({ contender }) => contender === name));
  const rows = comparisonRows(measures, livesOf);
  return markdownTable([comparisonHead(contenders), ...rows]);
}
