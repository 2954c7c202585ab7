import type { Family } from "../net/index.ts";

/** Where they are not `xt_` and the name of the match or target. */
const otherNames: Readonly<Record<string, Readonly<Record<Family, string>> | string>> = {
  tcp: "xt_tcpudp",
  udp: "xt_tcpudp",
  MARK: "xt_mark",
  DNAT: "xt_nat",
  REJECT: { IPv4: "ipt_REJECT", IPv6: "ip6t_REJECT" },
};

/** How a node gets what its kernel refuses: matches and targets, or `NAT` where it refuses the tables themselves. */
export function moduleRemedy(refused: readonly string[], family: Family): string {
  const commands = refused.includes("NAT")
    ? tableCommands(family)
    : command(refused.map((name) => moduleOf(name, family)));
  return `load the kernel modules on the node (${commands}), name them in a file of /etc/modules-load.d so that they are there after a restart, or use a kernel that has them`;
}

function moduleOf(extension: string, family: Family): string {
  const name = otherNames[extension] ?? `xt_${extension}`;
  return typeof name === "string" ? name : name[family];
}

function tableCommands(family: Family): string {
  const tables = family === "IPv4" ? "iptable" : "ip6table";
  const legacy = command([`${tables}_filter`, `${tables}_nat`]);
  return `${command(["nf_tables", "nft_compat", "nft_chain_nat"])}; where iptables is iptables-legacy: ${legacy}`;
}

function command(modules: readonly string[]): string {
  return ["modprobe -a", ...new Set(modules)].join(" ");
}
