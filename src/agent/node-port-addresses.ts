import { type Cidr, cidrContains, cidrOverlaps, type Family, parseCidr, parseIp } from "../net/index.ts";

/** On which of its own addresses a node serves NodePorts, in one family. */
export interface NodePortAddresses {
  /** Sorted as the node's addresses are; undefined: all of them but, unless localhost NodePorts are on, loopback. */
  readonly addresses: readonly string[] | undefined;
  /** What the admin should know; absent: nothing. */
  readonly notice?: string;
}

/** The settings that decide it. */
export interface NodePortSettings {
  readonly nodePortAddresses: "primary" | readonly Cidr[];
  readonly localhostNodePorts: boolean;
}

const loopbacks = ["127.0.0.0/8", "::1/128"].flatMap((text) => parseCidr(text) ?? []);

/**
 * Whether NodePorts answer on 127.0.0.0/8: the kernel cannot do it for IPv6, and the prefixes must let them. Needs
 * `net.ipv4.conf.all.route_localnet=1`.
 */
export function localhostNodePorts(settings: NodePortSettings, family: Family): boolean {
  if (family === "IPv6" || !settings.localhostNodePorts || settings.nodePortAddresses === "primary") return false;
  const prefixes = ownPrefixes(settings.nodePortAddresses, family);
  return prefixes === undefined || prefixes.some((own) => loopbacks.some((loopback) => cidrOverlaps(own, loopback)));
}

/** `primaryAddress`: what the Node object names; `local`: what the interfaces have, in canonical form. */
export function nodePortAddresses(
  settings: NodePortSettings,
  family: Family,
  primaryAddress: string | undefined,
  local: readonly string[],
): NodePortAddresses {
  const { nodePortAddresses: wanted } = settings;
  if (wanted === "primary" && (primaryAddress === undefined || isLoopback(primaryAddress)))
    return { addresses: undefined, notice: `NodePorts answer on all ${family} addresses: the node's own is not known` };
  const prefixes = wanted === "primary" ? prefixOf(primaryAddress) : ownPrefixes(wanted, family);
  if (prefixes === undefined) return { addresses: undefined };
  const found = local.filter((address) => isWithin(address, prefixes));
  const usable = localhostNodePorts(settings, family) ? found : found.filter((address) => !isLoopback(address));
  if (usable.length === 0)
    return {
      addresses: usable,
      notice: `NodePorts answer on no ${family} address: the node has none within --nodeport-addresses`,
    };
  if (usable.length < found.length)
    return { addresses: usable, notice: `NodePorts do not answer on ${family} loopback, which is not switched on` };
  return { addresses: usable };
}

/** Undefined: every address, as one prefix of length 0 says, and a family without any prefix. */
function ownPrefixes(wanted: readonly Cidr[], family: Family): readonly Cidr[] | undefined {
  const own = wanted.filter(({ base }) => base.family === family);
  return own.length === 0 || own.some(({ prefix }) => prefix === 0) ? undefined : own;
}

function prefixOf(address: string | undefined): readonly Cidr[] {
  const cidr = parseCidr(`${address}/${address?.includes(":") ? 128 : 32}`);
  return cidr === undefined ? [] : [cidr];
}

export function isLoopback(address: string): boolean {
  return isWithin(address, loopbacks);
}

function isWithin(address: string, prefixes: readonly Cidr[]): boolean {
  const ip = parseIp(address);
  return ip !== undefined && prefixes.some((prefix) => cidrContains(prefix, ip));
}
