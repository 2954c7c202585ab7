import type { Scheme } from "../../src/api/index.ts";
import type { HealthCheckSpec, IpAddressType, ListenerProtocol, Pairs } from "./schema/index.ts";

/** What is known of one load balancer: all that carries its tags, and what only has a name that it wants. */
export interface ServiceObservation {
  readonly kind: "service";
  readonly network: NetworkFacts;
  readonly loadBalancers: readonly ObservedLoadBalancer[];
  readonly targetGroups: readonly ObservedTargetGroup[];
  /** Those that say who may connect. */
  readonly groups: readonly ObservedGroup[];
  /** The security group that all load balancers of the cluster have; undefined while there is none. */
  readonly backendGroup: string | undefined;
}

/** Who is registered behind one load balancer. */
export interface MembersObservation {
  readonly kind: "members";
  readonly targetGroups: readonly MemberGroup[];
  readonly vpcId: string;
  readonly vpcCidrs: readonly string[];
  readonly instances: Instances;
  readonly backendGroup: string | undefined;
  /** Ours, in the security groups of nodes. */
  readonly nodeRules: readonly NodeRule[];
}

/** What all load balancers of the cluster need in front of the nodes. */
export interface SharedObservation {
  readonly kind: "shared";
  readonly network: NetworkFacts;
  /** Of our name, whosever it is. */
  readonly backendGroup: ObservedGroup | undefined;
  readonly instances: Instances;
  readonly nodeRules: readonly NodeRule[];
}

/** What changes seldom and is everybody's. */
export interface NetworkFacts {
  readonly vpcId: string;
  readonly vpcCidrs: readonly string[];
  readonly subnets: readonly SubnetFact[];
  /** The elastic addresses of the account in the region. */
  readonly addresses: readonly AddressFact[];
  /** All security groups of the VPC. */
  readonly groups: readonly { readonly id: string; readonly name: string; readonly tags: Pairs }[];
}

export interface AddressFact {
  /** `eipalloc-...` */
  readonly id: string;
  /** What has it; undefined: it is free. */
  readonly usedBy: string | undefined;
}

export interface SubnetFact {
  readonly id: string;
  /** Of both families. */
  readonly cidrs: readonly string[];
  readonly zone: string;
  /** `availability-zone`, `local-zone`, `wavelength-zone` or `outpost`: a load balancer is in one kind of place. */
  readonly locale: string;
  readonly hasIpv6: boolean;
  readonly freeAddresses: number;
  /** Its routes lead to an internet gateway. */
  readonly isPublic: boolean;
  readonly tags: Pairs;
}

export interface ObservedLoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly hostname: string;
  readonly scheme: Scheme;
  readonly vpcId: string;
  readonly state: "provisioning" | "active" | "active_impaired" | "failed";
  readonly stateReason: string;
  readonly ipAddressType: IpAddressType;
  readonly sourceNat: boolean;
  readonly subnets: readonly string[];
  readonly groups: readonly string[];
  readonly privateLink: boolean | undefined;
  /** Undefined: not looked at this time, as of everything that costs a request for each object. */
  readonly attributes: Pairs | undefined;
  readonly tags: Pairs;
  readonly listeners: readonly ObservedListener[];
}

export interface ObservedListener {
  readonly arn: string;
  readonly port: number;
  readonly protocol: ListenerProtocol;
  readonly tls:
    | { readonly certificates: readonly string[]; readonly policy: string; readonly alpn: string }
    | undefined;
  readonly targetGroups: readonly Weighted<string>[];
  readonly attributes: Pairs | undefined;
  readonly tags: Pairs;
}

/** A share of what comes to a listener. */
export interface Weighted<T> {
  readonly targetGroup: T;
  readonly weight: number;
}

export interface ObservedTargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly protocol: ListenerProtocol;
  readonly vpcId: string;
  readonly healthCheck: HealthCheckSpec;
  readonly attributes: Pairs | undefined;
  readonly tags: Pairs;
  /** Read only where a target group comes or goes. */
  readonly health: GroupHealth | undefined;
}

export interface GroupHealth {
  /** Without those that are being drained. */
  readonly registered: number;
  readonly healthy: number;
  readonly draining: number;
}

export interface ObservedGroup {
  readonly id: string;
  readonly name: string;
  readonly tags: Pairs;
  readonly rules: readonly ObservedRule[];
}

/** What comes in: protocol, first and last port (type and code of ICMP), and from where. */
export interface Rule {
  readonly protocol: "tcp" | "udp" | "icmp" | "icmpv6";
  readonly from: number;
  readonly to: number;
  /** A prefix, the ID of a prefix list or of a security group. */
  readonly source: string;
}

export interface ObservedRule extends Rule {
  readonly id: string;
  readonly tags: Pairs;
}

/** A rule of ours in somebody else's security group. */
export interface NodeRule extends ObservedRule {
  readonly group: string;
}

/** By ID, those of our VPC. */
export type Instances = ReadonlyMap<string, InstanceFact>;

export interface InstanceFact {
  readonly state: string;
  readonly zone: string;
  /** Of its first network interface. */
  readonly groups: readonly string[];
}

export interface MemberGroup {
  readonly arn: string;
  readonly name: string;
  readonly tags: Pairs;
  /** A listener sends to it. */
  readonly isUsed: boolean;
  /** Instances that AWS did not take just now, whatever they look like. */
  readonly refused: readonly string[];
  readonly targets: readonly ObservedTarget[];
}

export interface ObservedTarget extends Target {
  readonly state: "initial" | "healthy" | "unhealthy" | "unused" | "draining" | "unavailable";
  readonly reason: string;
}

export interface Target {
  /** Of an instance. */
  readonly id: string;
  readonly port: number;
}
