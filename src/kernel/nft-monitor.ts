import type { Family } from "../net/index.ts";

/** The process that committed a change; its pid is that of the outermost pid namespace, as the kernel tells it. */
export interface NftProcess {
  readonly pid: number;
  /** At most 15 characters: `iptables-nft-re`. */
  readonly name: string;
}

/** What a line of `nft monitor` says of tables, chains and rules of the families that iptables has. */
export type MonitorLine =
  /** `chain` is undefined when the table itself came or went. */
  | {
      readonly kind: "change";
      readonly family: Family;
      readonly table: string;
      readonly chain: string | undefined;
      readonly gone: boolean;
    }
  /** The end of a transaction: all changes since the one before were made at once, by this process. */
  | { readonly kind: "commit"; readonly process: NftProcess | undefined }
  /** The socket overflowed; nobody knows what changed. */
  | { readonly kind: "lost" };

const change = /^(add|create|insert|replace|delete|destroy) (table|chain|rule) (ip6?) (\S+)(?: (\S+))?/;
const commit = /^# new generation \d+(?: by process (\d+) \((.*)\))?$/;

/** Reads one line; undefined for what has nothing to do with iptables (sets, elements, other families, comments). */
export function parseMonitorLine(line: string): MonitorLine | undefined {
  if (line.startsWith("#")) {
    if (line.startsWith("# ERROR")) return { kind: "lost" };
    const [found, pid, name = ""] = commit.exec(line) ?? [];
    if (found === undefined) return undefined;
    return { kind: "commit", process: pid === undefined ? undefined : { pid: Number(pid), name } };
  }
  const [, verb = "", object, family, table, chain] = change.exec(line) ?? [];
  if (table === undefined || (object !== "table" && chain === undefined)) return undefined;
  return {
    kind: "change",
    family: family === "ip" ? "IPv4" : "IPv6",
    table,
    chain: object === "table" ? undefined : chain,
    gone: verb === "delete" || verb === "destroy",
  };
}

/** Whether `/proc/PID/net/netlink` shows that process listening to netfilter's events (protocol 12, any group). */
export function listensToNetfilter(netlink: string, pid: number): boolean {
  return netlink.split("\n").some((line) => {
    const [, protocol, owner, groups] = line.trim().split(/\s+/);
    return protocol === "12" && owner === `${pid}` && Number.parseInt(groups ?? "", 16) > 0;
  });
}
