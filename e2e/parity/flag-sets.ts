import type { Flavour } from "../tools/iptables-flavour.ts";

/** kube-proxy's default is the other; ours is this one. */
export const noLocalhost = "--iptables-localhost-nodeports=false";
const localhost = "--iptables-localhost-nodeports=true";

/** Flags that both proxies are started with, beside the usual ones or in their place. */
const onNft: readonly string[] = [
  noLocalhost,
  localhost,
  `${noLocalhost} --masquerade-all --bind-address=192.0.2.12`,
  `${noLocalhost} --masquerade-all --cluster-cidr= --nodeport-addresses=198.18.0.0/16`,
  `${noLocalhost} --cluster-cidr= --nodeport-addresses=203.0.113.0/24`,
  `${noLocalhost} --cluster-cidr=10.244.0.0/16 --iptables-masquerade-bit=10`,
  `${noLocalhost} --cluster-cidr= --detect-local-mode=NodeCIDR --nodeport-addresses=192.0.2.0/24,fd00:2::/64`,
  `${noLocalhost} --detect-local-mode=BridgeInterface --pod-bridge-interface=cni0 --nodeport-addresses=0.0.0.0/0,192.0.2.0/24,::/0`,
  `${noLocalhost} --detect-local-mode=InterfaceNamePrefix --pod-interface-name-prefix=veth --nodeport-addresses=127.0.0.0/8,192.0.2.0/24`,
  `${localhost} --nodeport-addresses=192.0.2.0/24`,
  `${localhost} --nodeport-addresses=127.0.0.0/8,::1/128,192.0.2.12/32`,
  `${localhost} --nodeport-addresses=primary`,
  `${noLocalhost} --nodeport-addresses=primary --conntrack-tcp-be-liberal`,
];

const onLegacy: readonly string[] = [noLocalhost, `${localhost} --masquerade-all`];

export const flagSets: readonly (readonly [flavour: Flavour, flags: string])[] = [
  ...onNft.map((flags) => ["nft", flags] as const),
  ...onLegacy.map((flags) => ["legacy", flags] as const),
];

/** What else the flags decide in the kernel of a node. */
export const sysctls: readonly string[] = [
  "net.ipv4.conf.all.route_localnet",
  "net.netfilter.nf_conntrack_tcp_be_liberal",
];
