import { isIP } from "node:net";

/** An address family, named as `spec.ipFamilies` of a Service names it. */
export type Family = "IPv4" | "IPv6";

export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

export function familyBits(family: Family): number {
  return family === "IPv4" ? 32 : 128;
}

/** Parses a strict address; undefined when the text is none. An IPv4-mapped IPv6 address stays IPv6. */
export function parseIp(text: string): Ip | undefined {
  switch (isIP(text)) {
    case 4:
      return { family: "IPv4", value: parseV4(text) };
    case 6:
      return text.includes("%") ? undefined : { family: "IPv6", value: parseV6(text) };
    default:
      return undefined;
  }
}

/**
 * Parses an address as kube-proxy parses those of the API ("sloppy"): IPv4 octets may have leading zeros and are
 * decimal all the same. Old objects may hold them; everything else uses `parseIp`.
 */
export function parseSloppyIp(text: string): Ip | undefined {
  return parseIp(text.includes(":") ? text : text.replace(/(^|\.)0+(?=\d)/g, "$1"));
}

function parseV4(text: string): bigint {
  return text.split(".").reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function parseV6(text: string): bigint {
  let source = text;
  const tail = source.slice(source.lastIndexOf(":") + 1);
  if (tail.includes(".")) {
    const v4 = parseV4(tail);
    source = `${source.slice(0, -tail.length)}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  }
  const [head = "", rest] = source.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = rest === undefined || rest === "" ? [] : rest.split(":");
  const zeros = rest === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

export function formatIp(ip: Ip): string {
  return ip.family === "IPv4" ? formatV4(ip.value) : formatV6(ip.value);
}

function formatV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 0xffn).toString()).join(".");
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups becomes `::`. */
function formatV6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatV4(value & 0xffff_ffffn)}`;
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(16 * (7 - i))) & 0xffffn).toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(":");
  return `${groups.slice(0, run.start).join(":")}::${groups.slice(run.start + run.length).join(":")}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

export function ipEquals(a: Ip, b: Ip): boolean {
  return a.family === b.family && a.value === b.value;
}

/** `host:port` with an IPv6 host in brackets, as iptables, URLs and Go's net.JoinHostPort write it. */
export function withPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
