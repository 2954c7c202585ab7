import { type Cidr, canonicalFamily, type Family, formatIp, type Ip, parseCidr, parseSloppyIp } from "../net/index.ts";

/**
 * An address of an API object, as kube-proxy reads it: IPv4 octets may have leading zeros, and an IPv4 address in
 * IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address (Go's net.IP). Undefined when the text is no address.
 */
export function readAddress(text: unknown): Ip | undefined {
  const ip = typeof text === "string" ? parseSloppyIp(text) : undefined;
  return ip !== undefined && isMapped(ip) ? unmapped(ip) : ip;
}

/** The canonical text of an address of an API object, read in the same way; undefined: it is none of the family. */
export function canonicalAddress(text: unknown, family: Family): string | undefined {
  if (typeof text === "string" && canonicalFamily(text) === family) return text;
  const ip = readAddress(text);
  return ip?.family === family ? formatIp(ip) : undefined;
}

/** A prefix of an API object, in the same way; blanks around it do not count (validation once let them pass). */
export function readPrefix(text: unknown): Cidr | undefined {
  const match = typeof text === "string" ? /^\s*([^\s/]+)\/0*(\d{1,3})\s*$/.exec(text) : null;
  const ip = parseSloppyIp(match?.[1] ?? "");
  if (match === null || ip === undefined) return undefined;
  const prefix = Number(match[2]);
  return isMapped(ip) && prefix >= 96
    ? parseCidr(`${formatIp(unmapped(ip))}/${prefix - 96}`)
    : parseCidr(`${formatIp(ip)}/${prefix}`);
}

function isMapped({ family, value }: Ip): boolean {
  return family === "IPv6" && value >> 32n === 0xffffn;
}

function unmapped({ value }: Ip): Ip {
  return { family: "IPv4", value: value & 0xffff_ffffn };
}
