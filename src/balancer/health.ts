import type { HealthCheck } from "./config.ts";

export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What is known of a target. Only a healthy one gets new connections. */
export interface TargetHealth {
  readonly healthy: boolean;
  /** A probe, of this process or of the one before, has spoken; until then the first answer counts at once. */
  readonly settled: boolean;
  /** Probes in a row that contradict `healthy`. */
  readonly streak: number;
  readonly reason: string;
}

export const unprobed: TargetHealth = { healthy: false, settled: false, streak: 0, reason: "not probed yet" };

export function afterProbe(before: TargetHealth, result: ProbeResult, check: HealthCheck): TargetHealth {
  if (before.settled && result.ok === before.healthy) return before.streak === 0 ? before : { ...before, streak: 0 };
  const streak = before.streak + 1;
  const enough = before.healthy ? check.unhealthyAfter : check.healthyAfter;
  if (before.settled && streak < enough) return { ...before, streak };
  return { healthy: result.ok, settled: true, streak: 0, reason: result.ok ? "answers" : result.reason };
}
