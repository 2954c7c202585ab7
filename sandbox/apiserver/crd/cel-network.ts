// The functions for addresses that Kubernetes adds to CEL (k8s.io/apiserver/pkg/cel/library: ip.go, cidr.go).
import type { Environment } from "@marcbachmann/cel-js";
import { type Cidr, formatCidr, formatIp, type Ip, parseCidr, parseIp } from "../../../src/net/index.ts";

class CelIp {
  readonly ip: Ip;

  constructor(ip: Ip) {
    this.ip = ip;
  }
}

class CelCidr {
  readonly cidr: Cidr;
  /** The address as it was written, which need not be the first one. */
  readonly ip: Ip;

  constructor(cidr: Cidr, ip: Ip) {
    this.cidr = cidr;
    this.ip = ip;
  }
}

/** As Go's `netip`, but an IPv4 address never comes as one of IPv6. */
function plainIp(text: string): Ip | undefined {
  const ip = parseIp(text);
  return ip !== undefined && ip.family === "IPv6" && ip.value >> 32n === 0xffffn ? undefined : ip;
}

/** The address as it was written, and its prefix. */
function plainCidr(text: string): CelCidr | undefined {
  const ip = plainIp(text.split("/")[0] ?? "");
  const cidr = parseCidr(text);
  return ip === undefined || cidr === undefined ? undefined : new CelCidr(cidr, ip);
}

function toIp(text: string): CelIp {
  const ip = plainIp(text);
  if (ip === undefined) throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return new CelIp(ip);
}

function toCidr(text: string): CelCidr {
  const range = plainCidr(text);
  if (range === undefined)
    throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  return range;
}

function familyOf({ family }: Ip): bigint {
  return family === "IPv4" ? 4n : 6n;
}

function bitsOf({ family }: Ip): number {
  return family === "IPv4" ? 32 : 128;
}

/** The leading bits of an address. */
function top(ip: Ip, bits: number): bigint {
  return ip.value >> BigInt(bitsOf(ip) - bits);
}

function containsIp({ cidr }: CelCidr, ip: Ip): boolean {
  return ip.family === cidr.base.family && top(ip, cidr.prefix) === top(cidr.base, cidr.prefix);
}

function isLoopback(ip: Ip): boolean {
  return ip.family === "IPv4" ? top(ip, 8) === 127n : ip.value === 1n;
}

function isLinkLocalMulticast(ip: Ip): boolean {
  return ip.family === "IPv4" ? top(ip, 24) === 0xe00000n : top(ip, 16) === 0xff02n;
}

function isLinkLocalUnicast(ip: Ip): boolean {
  return ip.family === "IPv4" ? top(ip, 16) === 0xa9fen : top(ip, 10) === 0x3fan;
}

function isGlobalUnicast(ip: Ip): boolean {
  const isMulticast = ip.family === "IPv4" ? top(ip, 4) === 0xen : top(ip, 8) === 0xffn;
  const isBroadcast = ip.family === "IPv4" && ip.value === 0xffffffffn;
  return ip.value !== 0n && !isBroadcast && !isMulticast && !isLoopback(ip) && !isLinkLocalUnicast(ip);
}

const ipQuestions: Readonly<Record<string, (ip: Ip) => boolean>> = {
  isUnspecified: (ip) => ip.value === 0n,
  isLoopback,
  isLinkLocalMulticast,
  isLinkLocalUnicast,
  isGlobalUnicast,
};

/** Adds `ip`, `cidr` and what can be asked of either. */
export function addNetworkFunctions(environment: Environment): void {
  environment.registerType("net.IP", CelIp);
  environment.registerType("net.CIDR", CelCidr);
  const add = (signature: string, run: (...values: never[]) => unknown): void =>
    void environment.registerFunction(signature, run as (...values: unknown[]) => unknown);
  add("isIP(string): bool", (text: string) => plainIp(text) !== undefined);
  add("isCIDR(string): bool", (text: string) => plainCidr(text) !== undefined);
  add("ip(string): net.IP", toIp);
  add("cidr(string): net.CIDR", toCidr);
  add("string(net.IP): string", ({ ip }: CelIp) => formatIp(ip));
  add("string(net.CIDR): string", ({ cidr }: CelCidr) => formatCidr(cidr));
  add("net.IP.family(): int", ({ ip }: CelIp) => familyOf(ip));
  for (const [name, ask] of Object.entries(ipQuestions)) add(`net.IP.${name}(): bool`, ({ ip }: CelIp) => ask(ip));
  add("net.CIDR.ip(): net.IP", ({ ip }: CelCidr) => new CelIp(ip));
  add("net.CIDR.prefixLength(): int", ({ cidr }: CelCidr) => BigInt(cidr.prefix));
  add("net.CIDR.masked(): net.CIDR", ({ cidr }: CelCidr) => new CelCidr(cidr, cidr.base));
  add("net.CIDR.containsIP(net.IP): bool", (range: CelCidr, { ip }: CelIp) => containsIp(range, ip));
  add("net.CIDR.containsIP(string): bool", (range: CelCidr, text: string) => containsIp(range, toIp(text).ip));
  const containsCidr = (range: CelCidr, { cidr }: CelCidr): boolean =>
    cidr.prefix >= range.cidr.prefix && containsIp(range, cidr.base);
  add("net.CIDR.containsCIDR(net.CIDR): bool", containsCidr);
  add("net.CIDR.containsCIDR(string): bool", (range: CelCidr, text: string) => containsCidr(range, toCidr(text)));
}
