import {
  type Cidr,
  cidrAddressAt,
  cidrContains,
  cidrOverlaps,
  cidrSize,
  type Family,
  formatCidr,
  type Ip,
} from "../net/index.ts";

/** Prefixes that addresses are given from, in the order in which they are used up. */
export interface AddressPool {
  readonly prefixes: readonly Cidr[];
}

/** The pool of these prefixes, or the two that overlap. */
export function addressPool(prefixes: readonly Cidr[]): AddressPool | { readonly overlap: readonly [Cidr, Cidr] } {
  for (const [i, a] of prefixes.entries())
    for (const b of prefixes.slice(i + 1)) if (cidrOverlaps(a, b)) return { overlap: [a, b] };
  return { prefixes };
}

/**
 * Offsets of the first and the last address of a prefix that may be given away. IPv4 keeps the network and the
 * broadcast address back unless the prefix has no room for them (RFC 3021); IPv6 keeps the first one, the
 * subnet-router anycast address (RFC 4291 2.6.1).
 */
export function usableOffsets(prefix: Cidr): { readonly first: bigint; readonly last: bigint } {
  const size = cidrSize(prefix);
  if (size <= 2n) return { first: 0n, last: size - 1n };
  return { first: 1n, last: prefix.base.family === "IPv4" ? size - 2n : size - 1n };
}

export function isUsable({ prefixes }: AddressPool, ip: Ip): boolean {
  return prefixes.some((prefix) => {
    if (!cidrContains(prefix, ip)) return false;
    const { first, last } = usableOffsets(prefix);
    const offset = ip.value - prefix.base.value;
    return first <= offset && offset <= last;
  });
}

/** The lowest usable offset of the prefix, from `start` on, whose address is not taken. */
export function lowestFree(prefix: Cidr, start: bigint, isTaken: (ip: Ip) => boolean): bigint | undefined {
  const { first, last } = usableOffsets(prefix);
  for (let offset = start > first ? start : first; offset <= last; offset++)
    if (!isTaken(cidrAddressAt(prefix, offset))) return offset;
  return undefined;
}

export function describePool({ prefixes }: AddressPool, family: Family): string {
  const texts = prefixes.filter(({ base }) => base.family === family).map(formatCidr);
  return texts.length === 0 ? `there is no ${family} pool` : `the ${family} pool is ${texts.join(", ")}`;
}
