import type { Condition, IPAddressPool, IPAddressPoolStatus } from "../../api/index.ts";
import type { PoolUsage } from "../../ipam/index.ts";
import { upsertCondition } from "../../kube/index.ts";

/** What people get to see of a pool; `invalid` are ranges that are none. Conditions of others stay. */
export function poolStatus(
  { spec, status }: IPAddressPool,
  usage: PoolUsage,
  invalid: readonly string[],
  nowMs: number,
): IPAddressPoolStatus {
  const before: readonly Condition[] = status?.conditions ?? [];
  const conditions = conditionsOf(usage, spec.disabled === true, invalid).reduce(
    (list, condition) => upsertCondition(list, condition, nowMs),
    before,
  );
  return { used: usage.used, free: `${usage.free}`, conditions };
}

type Wire = Omit<Condition, "lastTransitionTime">;

function conditionsOf({ free, overlap }: PoolUsage, disabled: boolean, invalid: readonly string[]): readonly Wire[] {
  return [
    overlap === undefined
      ? no("Conflict", "NoOverlap", "no older pool has an address of it")
      : yes(
          "Conflict",
          "Overlap",
          `${overlap.range} overlaps with ${overlap.otherRange} of the older pool ${overlap.otherPool}; it gives nothing until one of the two is changed`,
        ),
    disabled
      ? yes("Disabled", "Disabled", "spec.disabled is true; it gives nothing, and what it gave stays")
      : no("Disabled", "Enabled", "spec.disabled is not true"),
    free === 0n
      ? yes("Exhausted", "NoFreeAddress", "every address is in use; add ranges or another pool")
      : no("Exhausted", "FreeAddresses", "it has free addresses"),
    invalid.length === 0
      ? no("Invalid", "ValidRanges", "every range can be read")
      : yes(
          "Invalid",
          "InvalidRange",
          `left out as they are no ranges: ${invalid.join(", ")}; give ADDRESS/BITS or FIRST-LAST`,
        ),
  ];
}

function yes(type: string, reason: string, message: string): Wire {
  return { type, status: "True", reason, message };
}

function no(type: string, reason: string, message: string): Wire {
  return { type, status: "False", reason, message };
}
