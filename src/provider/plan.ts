import { createHash } from "node:crypto";
import type { Plan, PlanStep, Wait } from "./contract.ts";

/** What a planner decides; `plan` adds the hash. */
export interface PlanBody {
  readonly steps: readonly PlanStep[];
  readonly waits?: readonly Wait[];
  readonly replacesAddress?: boolean;
  readonly summary: string;
}

export function makePlan({ steps, waits = [], replacesAddress = false, summary }: PlanBody): Plan {
  return { steps, waits, replacesAddress, summary, hash: contentHash({ steps, waits, replacesAddress }) };
}

/** Nothing to do and nothing to wait for. */
export function isConverged(plan: Plan): boolean {
  return plan.steps.length === 0 && plan.waits.length === 0;
}

/** A short hash of a value's content; the order of keys does not matter, absent and undefined are the same. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === "bigint") return `${item}n`;
    if (item === null || typeof item !== "object" || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
