import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import type { Cidr } from "../../src/net/index.ts";

export type Backends = "endpoint-groups" | "instance-groups";

/** What the controller's flags say, and what a class may say instead. */
export interface Settings {
  readonly project: string;
  readonly region: string;
  /** The project that has the network, its subnetworks and firewalls: another one with a Shared VPC. */
  readonly networkProject: string;
  /** That project, where a class names another one than the flags: firewall rules are in both, then. */
  readonly otherProject?: string;
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

/** What holds for one load balancer: its class wins over the flags, and a Service has no say. */
export function settingsFor({ parameters }: Pick<DesiredLoadBalancer, "parameters">, settings: Settings): Settings {
  if (parameters === undefined || parameters === "unknown") return settings;
  const { networkProject = settings.networkProject, ...rest } = parameters.gcpL4 ?? {};
  const isOther = networkProject !== settings.networkProject;
  return { ...settings, ...rest, networkProject, ...(isOther && { otherProject: networkProject }) };
}
