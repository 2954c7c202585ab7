import type { Access } from "../../e2e/contract/target.ts";
import {
  comparisonHead,
  comparisonRows,
  type Measure,
  markdownTable,
  max,
  mebibytes,
  median,
  milliseconds,
} from "../comparison.ts";
import type { Life } from "./life.ts";

const mutating: readonly string[] = ["create", "update", "patch", "delete", "deletecollection"];
const plain = (value: number): string => value.toFixed(0);

function timed(name: string, ms: (life: Life) => number): Measure<Life> {
  return { name, samples: (life) => [ms(life)], value: median, format: milliseconds };
}

/** The most of all lives. */
function counted(name: string, isOne: (access: Access) => boolean): Measure<Life> {
  const samples = ({ accesses }: Life): readonly number[] => [accesses.filter(isOne).length];
  return { name, samples, value: max, format: plain };
}

function writes(name: string, ...resources: readonly string[]): Measure<Life> {
  return counted(`writes, ${name}`, ({ verb, resource }) => mutating.includes(verb) && resources.includes(resource));
}

const named = ["services", "events", "loadbalancerrecords", "leases"];

const measures: readonly Measure<Life>[] = [
  timed("start to /readyz", ({ readyMs }) => readyMs),
  timed("start to all reconciled", ({ reconciledMs }) => reconciledMs),
  timed("start to all reconciled, CPU time", ({ usage }) => usage.cpuMs),
  { name: "RSS then", samples: ({ usage }) => [usage.residentBytes], value: median, format: mebibytes },
  counted("reads", ({ verb }) => !mutating.includes(verb)),
  writes("Services", "services"),
  writes("events", "events"),
  writes("Records", "loadbalancerrecords"),
  writes("the controller's Lease", "leases"),
  counted("writes, all others", ({ verb, resource }) => mutating.includes(verb) && !named.includes(resource)),
];

/** A Markdown table: a row for each measure, restarts beside the first start. */
export function report(lives: readonly Life[]): string {
  const contenders: readonly Life["contender"][] = ["restart", "first start"];
  const livesOf = contenders.map((name) => lives.filter(({ contender }) => contender === name));
  return markdownTable([comparisonHead(contenders), ...comparisonRows(measures, livesOf)]);
}
