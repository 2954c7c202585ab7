import type { Protocol } from "../api/index.ts";
import type { Frontend, RefusedFrontend } from "../model/index.ts";
import { type Family, withPort } from "../net/index.ts";
import type { IsolatedService } from "./node-standing.ts";

/** What the agent tells the controller of its node, in the annotation `berth.dev/report` of its Lease. */
export interface NodeReport {
  /** What identifies the rules of all Services, by family. */
  readonly programmed: ReadonlyMap<Family, string>;
  readonly refused: readonly RefusedFrontend[];
  readonly isolated: readonly IsolatedService[];
}

/** Bytes of JSON; an object may have 256 KiB of annotations, and the controller reads one of each node. */
const maxBytes = 16 * 1024;

/**
 * The report as JSON: `{"programmed":{"IPv4":"..."},"refused":[{"service","frontend","why"}],"isolated":[{"service",
 * "family","why"}]}`. What has no room is counted in `omitted`. The same report gives the same text.
 */
export function renderReport({ programmed, refused, isolated }: NodeReport): string {
  const all = [
    ...isolated.map((one) => ({ list: "isolated" as const, entry: { ...one } })),
    ...refused.map(({ service, frontend, protocol, why }) => ({
      list: "refused" as const,
      entry: { service, frontend: frontendText(frontend, protocol), why },
    })),
  ];
  const lists: Record<"isolated" | "refused", object[]> = { refused: [], isolated: [] };
  // Room for the frame and the count.
  let left = maxBytes - 200;
  let omitted = 0;
  for (const { list, entry } of all) {
    const bytes = Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes > left) {
      omitted += 1;
    } else {
      left -= bytes;
      lists[list].push(entry);
    }
  }
  return JSON.stringify({ programmed: Object.fromEntries(programmed), ...lists, ...(omitted > 0 && { omitted }) });
}

/** `LoadBalancerIP 203.0.113.7:80/TCP`, `NodePort 30080/UDP`. */
export function frontendText({ kind, address, port }: Frontend, protocol: Protocol): string {
  return `${kind} ${address === undefined ? port : withPort(address, port)}/${protocol}`;
}
