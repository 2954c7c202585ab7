import { type Exec, execOk, listNetns } from "../../src/kernel/index.ts";

/** All that programs of a test need to know of ours. */
export const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } as const;

/** The machine's own links, addresses, routes and rules, without what counts or runs off by itself. */
export async function hostNetwork(exec: Exec, signal: AbortSignal): Promise<string> {
  const commands = [
    ["ip", "-o", "link"],
    ["ip", "-o", "addr"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
    ["ip", "rule"],
    ["iptables-save"],
    ["ip6tables-save"],
    ["nft", "list", "ruleset"],
    ["sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"],
  ] as const;
  const texts = commands.map(([program, ...args]) => execOk(exec, program, args, { signal }));
  return (await Promise.all(texts)).join("").replace(/^#.*$|(valid_lft|preferred_lft|expires) \S+/gm, "");
}

/** The namespaces of a run that are there. */
export async function namespacesOf(exec: Exec, id: string, signal: AbortSignal): Promise<readonly string[]> {
  return (await listNetns(exec, { signal })).filter((name) => name.startsWith(`berth-${id}-`));
}
