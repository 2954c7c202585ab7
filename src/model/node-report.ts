import type { Protocol } from "../api/index.ts";
import { type Family, formatIp, parseIp, withPort } from "../net/index.ts";
import type { RefusedFrontend } from "./frontend-guard.ts";
import type { Frontend } from "./frontends.ts";

/** A Service whose rules the kernel refuses, so that it is left out in one family. */
export interface IsolatedService {
  readonly service: string;
  readonly family: Family;
  readonly why: string;
}

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

/** One entry of a report, as far as it has texts. */
type Entry = Readonly<Partial<Record<"service" | "frontend" | "family" | "why", string>>>;

/** A report as it was read. It comes from another process, maybe of another version: what is not understood is left out. */
export interface ParsedReport {
  /** Families whose rules the kernel holds; undefined when the text is no report. */
  readonly programmed: readonly string[] | undefined;
  readonly refused: readonly Entry[];
  readonly isolated: readonly Entry[];
  /** How many entries had no room. */
  readonly omitted: number;
}

/** Reads what `renderReport` gave. */
export function parseReport(text: string): ParsedReport {
  const { programmed, refused, isolated, omitted } = parsed(text);
  return {
    programmed: isObject(programmed) ? Object.keys(programmed) : undefined,
    refused: entriesOf(refused),
    isolated: entriesOf(isolated),
    omitted: typeof omitted === "number" ? omitted : 0,
  };
}

/** What a node does not serve of a Service. */
export interface ReportedLoss {
  /** `namespace/name`. */
  readonly service: string;
  /** `TCP port 80 of 192.0.2.1`, `IPv6`. */
  readonly what: string;
  readonly why: string;
}

/** What a report says of addresses of load balancers. */
export function reportedLosses({ refused, isolated }: ParsedReport): readonly ReportedLoss[] {
  return [
    ...refused.flatMap(({ service, frontend, why }) => {
      const match = /^LoadBalancerIP (?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})\/(TCP|UDP|SCTP)$/.exec(frontend ?? "");
      const ip = parseIp(match?.[1] ?? match?.[2] ?? "");
      if (match === null || ip === undefined || service === undefined || why === undefined) return [];
      const what = `${match[4]} port ${match[3]} of ${formatIp(ip)}`;
      return [{ service, what, why: withoutForeignNames(why, service) }];
    }),
    ...isolated.flatMap(({ service, family, why }) =>
      service === undefined || why === undefined || (family !== "IPv4" && family !== "IPv6")
        ? []
        : [{ service, what: family, why: withoutForeignNames(why, service) }],
    ),
  ];
}

/** Who reads of a Service in its conditions may not be meant to know those of other namespaces. */
function withoutForeignNames(why: string, service: string): string {
  const [namespace] = service.split("/");
  return why.replace(/\bService ([^\s/]+)\/([^\s:;,]+)/g, (text, owner) =>
    owner === namespace ? text : "a Service of another namespace",
  );
}

function parsed(text: string): Record<string, unknown> {
  try {
    const report: unknown = JSON.parse(text);
    return isObject(report) ? report : {};
  } catch {
    return {};
  }
}

function entriesOf(list: unknown): readonly Entry[] {
  return (Array.isArray(list) ? list : [])
    .filter(isObject)
    .map((one) => Object.fromEntries(Object.entries(one).filter(([, value]) => typeof value === "string")));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
