import type { ChainNames } from "./names.ts";

/** How packets of this node's own pods are told from others (KEP-2450), as iptables matches. */
export interface LocalTraffic {
  /** Holds for packets of pods: `-s 10.0.0.0/8`, `-i cni+`. */
  readonly ifLocal: string;
  /** Holds for all others: `! -s 10.0.0.0/8`. */
  readonly ifNotLocal: string;
}

/** What the plan needs to know of the node, in one address family. */
export interface PlanConfig {
  /** Of all chains of ours. */
  readonly chains: ChainNames;
  /** Undefined: no way to tell pods from others. */
  readonly localTraffic: LocalTraffic | undefined;
  /** The node's own main address. */
  readonly nodeIp: string | undefined;
  /** Addresses on which NodePorts answer; undefined: all of the node but, unless `localhostNodePorts`, loopback. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /** NodePorts answer on 127.0.0.0/8 too, for which the kernel has to route it (`route_localnet`). IPv4 only. */
  readonly localhostNodePorts: boolean;
  /** Masquerade all traffic to ClusterIPs, whoever sends it. */
  readonly masqueradeAll: boolean;
  /** The bit of the packet mark, 0-31; kubelet and CNI plug-ins know 14. */
  readonly masqueradeBit: number;
  /** Whether `MASQUERADE` takes `--random-fully` (iptables 1.6.2). */
  readonly randomFully: boolean;
  /** Drop packets that connection tracking finds invalid (kubernetes/kubernetes#74839). */
  readonly dropInvalid: boolean;
  /** Whether the accounting objects of kube-proxy's two counting rules exist (xt_nfacct). */
  readonly accounting: boolean;
  /** Whether the kernel can remember clients (xt_recent). */
  readonly sessionAffinity: boolean;
  /** Leave out the comments of rules that there are many of: kube-proxy does above 1,000 endpoints. */
  readonly largeCluster: boolean;
}

/** Objects that count the packets of a rule; kube-proxy makes metrics of them under these names. */
export const accountingNames = {
  invalidDropped: "ct_state_invalid_dropped_pkts",
  localhostNodePorts: "localhost_nps_accepted_pkts",
} as const;

/** Above this many endpoints kube-proxy takes speed over comments. */
const largeClusterEndpoints = 1000;

/**
 * Whether a family's rules go without the comments of `largeCluster`. `endpoints`: of all ports of all Services that
 * are served, usable or not. A function of the count alone, so that the same cluster gives the same rules whatever it
 * was before: who crosses the threshold pays one rewrite of the chains concerned (some thousand lines, once), where
 * kube-proxy leaves a mixture that depends on which Service changed since.
 */
export function isLargeCluster(endpoints: number): boolean {
  return endpoints > largeClusterEndpoints;
}
