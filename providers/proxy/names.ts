import { createHash } from "node:crypto";
import { join } from "node:path";
import type { LbIdentity } from "../../src/model/index.ts";

/** How everything that belongs to one load balancer is called; the same identity always gives the same names. */
export interface Names {
  readonly directory: string;
  /** Its network namespace, or its container. */
  readonly netns: string;
  /** The port of the bridge that leads into the namespace; 15 characters, as many as an interface may have. */
  readonly port: string;
}

/** The interface inside the namespace. */
export const innerInterface = "eth0";

export function namesOf(stateDir: string, { clusterId, uid }: Pick<LbIdentity, "clusterId" | "uid">): Names {
  const digest = createHash("sha256").update(`${clusterId}/${uid}`).digest("hex").slice(0, 12);
  return { directory: join(stateDir, clusterId, uid), netns: `berth-lb-${digest}`, port: `blb${digest}` };
}

/**
 * A hardware address that follows from the first IP address (locally administered, unicast). Neighbours that still
 * remember an earlier load balancer at that address so remember the right thing.
 */
export function macOf(address: string): string {
  const digest = createHash("sha256").update(address).digest("hex");
  return ["02", ...[0, 2, 4, 6, 8].map((at) => digest.slice(at, at + 2))].join(":");
}
