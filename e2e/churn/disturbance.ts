import { namespaces } from "./objects.ts";
import type { Side } from "./side.ts";

/**
 * The real server refused an address that was free: a repair loop of its allocators races with the cache that it reads,
 * takes an address again that was just given back, and writes an event about it. Such a round says nothing.
 */
export class Disturbance extends Error {
  override readonly name = "Disturbance";
}

const refusal = "an IP is already allocated";

/** Whether an answer differs for that reason alone. */
export async function isDisturbance(real: Side, expected: string, seen: string): Promise<boolean> {
  if (!expected.includes(refusal) || seen.includes(refusal)) return false;
  const events = await real.kubectl(["get", "events", "-A", "-o", "jsonpath={.items[*].message}"]);
  return events.includes("; repairing");
}

/** Both sides without the objects of the rounds so far: from there on they must be alike again. */
export async function startAfresh(sides: readonly Side[]): Promise<void> {
  for (const namespace of namespaces) {
    const remove = (kind: string, selector: string): Promise<unknown> =>
      Promise.all(sides.map((side) => side.kubectl(["delete", kind, "-n", namespace, "-l", selector])));
    await remove("services", "app=churn");
    await remove("endpointslices", "kubernetes.io/service-name!=sentinel");
  }
}
