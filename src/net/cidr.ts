import { type Family, familyBits, formatIp, type Ip, parseIp } from "./ip.ts";

/** A prefix; `base` has no host bits. */
export interface Cidr {
  readonly base: Ip;
  readonly prefix: number;
}

/**
 * Parses `address/prefix`; undefined when the text is none. Host bits are cleared, as Kubernetes does
 * for source ranges and iptables for matches.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const ip = parseIp(text.slice(0, Math.max(0, slash)));
  const prefixText = text.slice(slash + 1);
  if (ip === undefined || !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  if (prefix > familyBits(ip.family)) return undefined;
  return {
    base: { family: ip.family, value: (ip.value >> hostBits(ip.family, prefix)) << hostBits(ip.family, prefix) },
    prefix,
  };
}

function hostBits(family: Family, prefix: number): bigint {
  return BigInt(familyBits(family) - prefix);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.base)}/${cidr.prefix}`;
}

/** How many addresses the prefix has, the first and the last included. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << hostBits(cidr.base.family, cidr.prefix);
}

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  const shift = hostBits(cidr.base.family, cidr.prefix);
  return cidr.base.family === ip.family && ip.value >> shift === cidr.base.value >> shift;
}

export function cidrOverlaps(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b.base) || cidrContains(b, a.base);
}

/** The address at `offset` from the base. Throws RangeError when the prefix has no such address. */
export function cidrAddressAt(cidr: Cidr, offset: bigint): Ip {
  if (offset < 0n || offset >= cidrSize(cidr)) throw new RangeError(`${formatCidr(cidr)} has no address ${offset}`);
  return { family: cidr.base.family, value: cidr.base.value + offset };
}
