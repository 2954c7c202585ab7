import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { FailureError } from "../base/index.ts";
import { type Exec, Iptables } from "../kernel/index.ts";
import { cidrContains, type Family, formatIp, parseCidr, parseIp } from "../net/index.ts";
import { isLoopback } from "./node-port-addresses.ts";

/** What the machine under us can do. */
export interface Host {
  /** Those whose rules are worth writing; the first is the one without which nothing works. */
  readonly families: readonly Family[];
}

const netAdmin = 12n;

/** Looks at the machine; throws FailureError or ProgramMissingError, with the remedy, when no rule could be written. */
export async function inspectHost(exec: Exec, signal: AbortSignal): Promise<Host> {
  await requireNetAdmin();
  const families = familiesByRank(await hasIpv6(), localAddresses());
  for (const family of families) await new Iptables(exec, family).check(signal);
  return { families };
}

/** As kube-proxy's primary family is that of its node: IPv4, unless the node has addresses of IPv6 alone. */
export function familiesByRank(hasIpv6: boolean, addresses: readonly string[]): readonly Family[] {
  if (!hasIpv6) return ["IPv4"];
  const own = addresses.filter((address) => !isLoopback(address));
  return own.length > 0 && own.every((address) => address.includes(":")) ? ["IPv6", "IPv4"] : ["IPv4", "IPv6"];
}

/** Unless the admin told connection tracking to be liberal, what it finds invalid must not reach a client. */
export async function dropsInvalid(): Promise<boolean> {
  const liberal = await text("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal");
  return liberal === undefined || liberal.trim() === "0";
}

/** Throws FailureError unless this process may work on rules; iptables-legacy shows others a kernel without any. */
export async function requireNetAdmin(): Promise<void> {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec((await text("/proc/self/status")) ?? "")?.[1];
  if (capabilities !== undefined && ((BigInt(`0x${capabilities}`) >> netAdmin) & 1n) === 0n)
    throw new FailureError("not permitted to write iptables rules; run as root or with CAP_NET_ADMIN and CAP_NET_RAW");
}

async function hasIpv6(): Promise<boolean> {
  const addresses = await text("/proc/net/if_inet6");
  const disabled = await text("/proc/sys/net/ipv6/conf/all/disable_ipv6");
  return addresses !== undefined && disabled?.trim() !== "1";
}

/** The kernel's files are there or not, depending on its modules. */
async function text(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

const linkLocal = parseCidr("fe80::/10");

/**
 * The addresses of the machine's interfaces, sorted, each once: CNI plug-ins such as ptp give the node's end of every
 * pod's interface the same one. Not the link-local ones: they come and go with every pod's interface, and no Service
 * can have one.
 */
export function localAddresses(interfaces: Interfaces = networkInterfaces()): readonly string[] {
  const found = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ address }) => {
      const ip = parseIp(address);
      return ip === undefined || (linkLocal !== undefined && cidrContains(linkLocal, ip)) ? [] : [formatIp(ip)];
    });
  return [...new Set(found)].sort();
}

type Interfaces = Readonly<Record<string, readonly { readonly address: string }[] | undefined>>;
