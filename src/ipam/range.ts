import { type Cidr, cidrSize, type Family, formatCidr, type Ip, parseCidr, parseIp } from "../net/index.ts";

/** Addresses in a row that may be given away. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  /** As a person wrote it. */
  readonly text: string;
}

/** Parses `address/prefix` or `first-last`; undefined when the text is neither. */
export function parseRange(text: string): AddressRange | undefined {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return usableRange(cidr);
  const [first, last, ...rest] = text.split("-").map(parseIp);
  if (first === undefined || last === undefined || rest.length > 0) return undefined;
  if (first.family !== last.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value, text };
}

/**
 * The addresses of a prefix that may be given away. IPv4 keeps the network and the broadcast address back unless the
 * prefix has no room for them (RFC 3021); IPv6 keeps the first one, the subnet-router anycast address (RFC 4291 2.6.1).
 */
export function usableRange(prefix: Cidr): AddressRange {
  const { family, value } = prefix.base;
  const size = cidrSize(prefix);
  const edges = size > 2n ? { low: 1n, high: family === "IPv4" ? 1n : 0n } : { low: 0n, high: 0n };
  return { family, first: value + edges.low, last: value + size - 1n - edges.high, text: formatCidr(prefix) };
}

export function rangeSize({ first, last }: AddressRange): bigint {
  return last - first + 1n;
}

export function rangeContains({ family, first, last }: AddressRange, ip: Ip): boolean {
  return family === ip.family && first <= ip.value && ip.value <= last;
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** The same addresses, each once: what an earlier range has is cut out of later ones. */
export function withoutRepeats(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const kept: AddressRange[] = [];
  for (const range of ranges) {
    let parts = [range];
    for (const earlier of kept) parts = parts.flatMap((part) => cut(part, earlier));
    kept.push(...parts);
  }
  return kept;
}

function cut(range: AddressRange, by: AddressRange): AddressRange[] {
  if (!rangesOverlap(range, by)) return [range];
  const parts: AddressRange[] = [];
  if (range.first < by.first) parts.push({ ...range, last: by.first - 1n });
  if (range.last > by.last) parts.push({ ...range, first: by.last + 1n });
  return parts;
}
