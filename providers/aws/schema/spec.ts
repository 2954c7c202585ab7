import type { Scheme } from "../../../src/api/index.ts";
import type { Pairs } from "./kinds.ts";

/** What a Service asks of a Network Load Balancer, in AWS' words; nothing in it depends on what AWS has. */
export interface NlbSpec {
  /** Undefined: one that follows from its identity. */
  readonly name: string | undefined;
  readonly scheme: Scheme;
  readonly ipAddressType: IpAddressType;
  /** Its nodes in the subnets send UDP over IPv6 from a prefix of their own. */
  readonly sourceNat: boolean;
  /** IDs or names; empty: those that are found by their tags. */
  readonly subnets: readonly string[];
  readonly addresses: FixedAddresses;
  readonly securityGroups: SecurityGroups;
  /** Every attribute that is known, those that nobody mentions with AWS' default. */
  readonly attributes: Pairs;
  /** What users add to our own. */
  readonly tags: Pairs;
  /** Sorted by port. */
  readonly listeners: readonly ListenerSpec[];
}

export type IpAddressType = "ipv4" | "dualstack";

/** One for each subnet, or none. */
export interface FixedAddresses {
  readonly eipAllocations: readonly string[];
  readonly privateIpv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** `opensNodes`: nodes are to take what the load balancer sends; otherwise somebody else sees to it. */
export type SecurityGroups =
  | { readonly kind: "none" }
  | {
      readonly kind: "given";
      readonly groups: readonly string[];
      readonly opensNodes: boolean;
      readonly privateLink: boolean | undefined;
    }
  | {
      readonly kind: "managed";
      readonly sources: readonly string[];
      readonly prefixLists: readonly string[];
      /** "Fragmentation needed" may come back. */
      readonly pathMtu: boolean;
      readonly opensNodes: boolean;
      readonly privateLink: boolean | undefined;
    };

export type ListenerProtocol = "TCP" | "UDP" | "TCP_UDP" | "TLS";

export interface ListenerSpec {
  readonly port: number;
  readonly protocol: ListenerProtocol;
  readonly tls: TlsSpec | undefined;
  readonly attributes: Pairs;
  readonly targetGroup: TargetGroupSpec;
}

export interface TlsSpec {
  /** ARNs, the default certificate first. */
  readonly certificates: readonly string[];
  readonly policy: string;
  readonly alpn: string;
}

export interface TargetGroupSpec {
  readonly protocol: ListenerProtocol;
  readonly nodePort: number;
  readonly healthCheck: HealthCheckSpec;
  readonly attributes: Pairs;
}

export interface HealthCheckSpec {
  readonly protocol: "TCP" | "HTTP" | "HTTPS";
  readonly port: "traffic-port" | number;
  /** Of HTTP and HTTPS. */
  readonly http: { readonly path: string; readonly codes: string } | undefined;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** What holds for all load balancers of the controller. */
export interface SchemaSettings {
  readonly region: string;
  /** Berth's agents serve the nodes: their health ports understand the header of the PROXY protocol. */
  readonly agents: boolean;
}
