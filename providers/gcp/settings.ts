import type { Cidr } from "../../src/net/index.ts";

export type Backends = "endpoint-groups" | "instance-groups";

/** What holds for all load balancers of this adapter. */
export interface Settings {
  readonly project: string;
  readonly region: string;
  /** The project that has the network, its subnetworks and firewalls: another one with a Shared VPC. */
  readonly networkProject: string;
  readonly network: string;
  /** Where the nodes are, and internal load balancers that ask for no other. */
  readonly subnetwork: string;
  /** What load balancers send to: groups of their own, or groups of whole machines that all of the cluster share. */
  readonly backends: Backends;
  /** The network tags that nodes have, by which firewall rules find them. */
  readonly nodeTags: readonly string[];
  /** Somebody else opens the way to the nodes. */
  readonly disableFirewalls: boolean;
  /** Where health probes come from. */
  readonly probeRanges: readonly Cidr[];
  /** Who reaches an internal load balancer without source ranges of its own. */
  readonly internalRanges: readonly Cidr[];
}
