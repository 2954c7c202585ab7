import type { Flavour } from "../tools/iptables-flavour.ts";

/** Flags that both proxies are started with. */
export interface FlagSet {
  readonly flavour: Flavour;
  /** Beside the usual ones, or in their place. */
  readonly flags: readonly string[];
}

/** kube-proxy's default is the other; ours is this one. */
export const noLocalhost = "--iptables-localhost-nodeports=false";

const onNft: readonly (readonly string[])[] = [
  [noLocalhost],
  ["--iptables-localhost-nodeports=true"],
  [noLocalhost, "--masquerade-all"],
  [noLocalhost, "--masquerade-all", "--cluster-cidr="],
  [noLocalhost, "--cluster-cidr="],
  [noLocalhost, "--cluster-cidr=10.244.0.0/16"],
  [noLocalhost, "--detect-local-mode=NodeCIDR", "--cluster-cidr="],
  [noLocalhost, "--detect-local-mode=BridgeInterface", "--pod-bridge-interface=cni0", "--cluster-cidr="],
  [noLocalhost, "--detect-local-mode=InterfaceNamePrefix", "--pod-interface-name-prefix=veth", "--cluster-cidr="],
  [noLocalhost, "--nodeport-addresses=192.0.2.0/24,fd00:2::/64"],
  [noLocalhost, "--nodeport-addresses=198.18.0.0/16"],
  [noLocalhost, "--nodeport-addresses=203.0.113.0/24"],
  [noLocalhost, "--nodeport-addresses=0.0.0.0/0,192.0.2.0/24,::/0"],
  [noLocalhost, "--nodeport-addresses=127.0.0.0/8,192.0.2.0/24"],
  ["--iptables-localhost-nodeports=true", "--nodeport-addresses=192.0.2.0/24"],
  ["--iptables-localhost-nodeports=true", "--nodeport-addresses=127.0.0.0/8,::1/128,192.0.2.12/32"],
  ["--iptables-localhost-nodeports=true", "--nodeport-addresses=primary"],
  [noLocalhost, "--nodeport-addresses=primary"],
  [noLocalhost, "--iptables-masquerade-bit=10"],
  [noLocalhost, "--bind-address=192.0.2.12", "--masquerade-all=false"],
  [noLocalhost, "--conntrack-tcp-be-liberal"],
];

export const flagSets: readonly FlagSet[] = [
  ...onNft.map((flags): FlagSet => ({ flavour: "nft", flags })),
  { flavour: "legacy", flags: [noLocalhost] },
  { flavour: "legacy", flags: ["--iptables-localhost-nodeports=true", "--masquerade-all"] },
];

/** What else the flags decide in the kernel of a node. */
export const sysctls: readonly string[] = [
  "net.ipv4.conf.all.route_localnet",
  "net.netfilter.nf_conntrack_tcp_be_liberal",
];
