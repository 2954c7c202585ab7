import { annotations } from "../../src/api/index.ts";
import { maxDrainSeconds } from "../../src/balancer/config.ts";
import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import type { Issue } from "../../src/provider/index.ts";

/** What the annotations of a Service ask of this provider. */
export interface Options {
  readonly drainSeconds: number;
  readonly issues: readonly Issue[];
}

/** As long as an AWS target group has unless told otherwise. */
const defaultDrainSeconds = 300;

/** What cannot be read counts as its default, and is an issue. */
export function optionsOf({ annotations: found }: DesiredLoadBalancer): Options {
  const key = annotations.drainSeconds;
  const text = found[key];
  if (text === undefined) return { drainSeconds: defaultDrainSeconds, issues: [] };
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= maxDrainSeconds) return { drainSeconds: seconds, issues: [] };
  const message = `${JSON.stringify(text)} is no whole number from 0 to ${maxDrainSeconds} and counts as ${defaultDrainSeconds}; give one`;
  const path = `metadata.annotations[${key}]`;
  const issue = { path, severity: "degrade", reason: "InvalidAnnotation", message } as const;
  return { drainSeconds: defaultDrainSeconds, issues: [issue] };
}
