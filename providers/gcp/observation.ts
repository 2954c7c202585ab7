import type { RefusedMachine } from "./refusals.ts";
import type {
  Address,
  BackendService,
  Endpoint,
  EndpointGroup,
  Firewall,
  Group,
  InstanceGroup,
  Resource,
} from "./resources.ts";

/** What is known of one scope. Resources are those that bear a name of it, whoever made them. */
export type Observation = ServiceObservation | MembersObservation | SharedObservation | InstancesObservation;

/** A group and who is in it. */
export interface Membership<G extends Group> {
  readonly group: G;
  readonly endpoints: readonly Endpoint[];
  /** Machines that it does not take. */
  readonly refused: readonly RefusedMachine[];
}

export interface ServiceObservation {
  readonly kind: "service";
  readonly resources: readonly Resource[];
  /** Machines that its groups do not take. */
  readonly refused: readonly RefusedMachine[];
  /** All of the region: which of them the Service asks for is the planner's to find out. */
  readonly addresses: readonly Address[];
  /** What bears a name of what the cluster shares. */
  readonly shared: readonly Resource[];
  /** Rules of others in the firewall of a network that is another project's. */
  readonly otherFirewalls: readonly Firewall[];
}

export interface MembersObservation {
  readonly kind: "members";
  readonly groups: readonly Membership<EndpointGroup>[];
  readonly backendService: BackendService | undefined;
  /** By the names of machines; those that nobody has probed yet are missing. */
  readonly health: ReadonlyMap<string, boolean>;
}

export interface SharedObservation {
  readonly kind: "shared";
  readonly resources: readonly Resource[];
  readonly otherFirewalls: readonly Firewall[];
  /** Those of `Firewall.project` that have rules of load balancers of the cluster. */
  readonly usedProjects: readonly string[];
  /** Those that refer to what is shared. */
  readonly users: readonly BackendService[];
}

/** Of the groups of whole machines. */
export interface InstancesObservation {
  readonly kind: "instances";
  readonly groups: readonly Membership<InstanceGroup>[];
  /** Those that refer to one of them. */
  readonly users: readonly BackendService[];
}
