import { type Cidr, cidrContains, parsePortRange } from "../../../src/net/index.ts";
import { linkPath } from "../links.ts";
import type { Firewall, FirewallTraffic } from "../resources.ts";
import { prefixOf } from "./comparison.ts";

/** One piece of what a firewall rule does. */
interface Piece {
  readonly source: Cidr | undefined;
  /** Undefined: any address. */
  readonly destination: Cidr | undefined;
  readonly protocol: string;
  /** Undefined: all. */
  readonly ports: string | undefined;
}

/** Whether rules that others made do together all that this one would. */
export function isCovered(wanted: Firewall, others: readonly Firewall[]): boolean {
  const usable = others.filter((rule) => isAlike(rule, wanted));
  const side = sideOf(wanted);
  return piecesOf(wanted).every((piece) => usable.some((rule) => does(rule, side, piece)));
}

function isAlike(rule: Firewall, wanted: Firewall): boolean {
  return (
    linkPath(rule.network) === linkPath(wanted.network) &&
    rule.direction === wanted.direction &&
    !rule.disabled &&
    countsAs(rule, wanted) &&
    reaches(rule, wanted)
  );
}

/** What lets in has to come before what keeps out, and what keeps out must not come before what lets in. */
function countsAs({ priority }: Firewall, wanted: Firewall): boolean {
  return sideOf(wanted) === "allowed" ? priority <= wanted.priority : priority === wanted.priority;
}

/** Nobody knows here which machines have which service account. */
function reaches({ targetTags, targetServiceAccounts = [] }: Firewall, wanted: Firewall): boolean {
  if (targetServiceAccounts.length > 0) return false;
  if (targetTags.length === 0) return true;
  return wanted.targetTags.length > 0 && wanted.targetTags.every((tag) => targetTags.includes(tag));
}

function sideOf({ denied }: Firewall): "allowed" | "denied" {
  return denied.length > 0 ? "denied" : "allowed";
}

function piecesOf(wanted: Firewall): readonly Piece[] {
  const { sourceRanges, destinationRanges } = wanted;
  const destinations = destinationRanges.length === 0 ? [undefined] : destinationRanges.map(prefixOf);
  return wanted[sideOf(wanted)].flatMap(({ IPProtocol, ports = [undefined] }) =>
    ports.flatMap((range) =>
      sourceRanges.flatMap((source) =>
        destinations.map((destination) => ({
          source: prefixOf(source),
          destination,
          protocol: IPProtocol,
          ports: range,
        })),
      ),
    ),
  );
}

function does(rule: Firewall, side: "allowed" | "denied", piece: Piece): boolean {
  const isToAll = rule.destinationRanges.length === 0;
  return (
    rule.sourceRanges.some((range) => contains(prefixOf(range), piece.source)) &&
    (isToAll || rule.destinationRanges.some((range) => contains(prefixOf(range), piece.destination))) &&
    rule[side].some((traffic) => includes(traffic, piece))
  );
}

/** As Google Cloud lets protocols be called. */
const numbers: Readonly<Record<string, string>> = { tcp: "6", udp: "17" };

function includes({ IPProtocol, ports = [] }: FirewallTraffic, piece: Piece): boolean {
  const names: readonly string[] = ["all", piece.protocol, numbers[piece.protocol] ?? piece.protocol];
  if (!names.includes(IPProtocol.toLowerCase())) return false;
  if (ports.length === 0) return true;
  const wanted = piece.ports === undefined ? undefined : parsePortRange(piece.ports);
  if (wanted === undefined) return false;
  return ports.some((text) => {
    const range = parsePortRange(text);
    return range !== undefined && range.first <= wanted.first && wanted.last <= range.last;
  });
}

function contains(outer: Cidr | undefined, inner: Cidr | undefined): boolean {
  if (outer === undefined || inner === undefined) return false;
  return outer.prefix <= inner.prefix && cidrContains(outer, inner.base);
}
