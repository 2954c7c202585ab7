import type { Protocol, ProviderParameters, Scheme } from "../api/index.ts";
import type { Cidr, Family, Ip } from "../net/index.ts";
import type { ReportedLoss } from "./node-report.ts";

/** Which load balancer this is, for ever: a Service that is deleted and made again has another `uid`. */
export interface LbIdentity {
  /** UID of the `kube-system` namespace unless the admin set another. */
  readonly clusterId: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export interface LbPort {
  /** Empty for the one unnamed port. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** 0 when the Service has none. */
  readonly nodePort: number;
}

/** How a load balancer finds out whether a node takes traffic. */
export interface NodeHealthCheck {
  readonly protocol: "HTTP";
  readonly port: number;
  readonly path: string;
}

/** What the Service asks for, in words that every provider understands. */
export interface DesiredLoadBalancer {
  readonly id: LbIdentity;
  /** In the order of `spec.ipFamilies`; never empty. */
  readonly families: readonly Family[];
  /** Sorted by protocol, then port; never empty. */
  readonly ports: readonly LbPort[];
  readonly externalTrafficPolicy: "Cluster" | "Local";
  readonly sessionAffinity: { readonly kind: "None" } | { readonly kind: "ClientIP"; readonly timeoutSeconds: number };
  /** Empty: everybody may connect. */
  readonly sourceRanges: readonly Cidr[];
  readonly healthCheck: NodeHealthCheck;
  /** Addresses that the user asked for, at most one per family. */
  readonly requestedAddresses: readonly Ip[];
  /** Addresses that our own allocator holds for it (providers that take addresses from us), one per family. */
  readonly addresses: readonly Ip[];
  /** Those of the Service that its class allows, over the defaults of the class. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly loadBalancerClass: string;
  /** What its class says to the provider alone; absent: nothing, `unknown`: the class is gone. */
  readonly parameters?: ProviderParameters | "unknown";
  /** RFC 3339, as the API server wrote it; what is older wins a conflict. */
  readonly createdAt: string;
  /** Undefined: nobody says, so the provider decides. */
  readonly scheme: Scheme | undefined;
  /** The Service goes and its load balancer stays: all that is to be done is to tag it so. */
  readonly retain: boolean;
}

/** Something about the Service that cannot be done as asked; `path` is the field, as `spec.ports[0].protocol`. */
export interface Issue {
  readonly path: string;
  /** The port that it is about, if it is about one. */
  readonly port?: Pick<LbPort, "port" | "protocol">;
  readonly severity: "refuse" | "degrade";
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** What a load balancer cannot do without in a node: an identity, an InternalIP, an ExternalIP or InternalIP. */
export type NodeNeed = "providerID" | "internalIP" | "address";

/** A node that may receive traffic; which nodes these are is the controller's business. */
export interface NodeTarget {
  readonly name: string;
  /** Its InternalIPs. */
  readonly addresses: readonly Ip[];
  /** Its ExternalIPs, if it has any. */
  readonly externalAddresses?: readonly Ip[];
  readonly providerId?: string;
  readonly zone?: string;
  /** What its agent says that it does not serve of this load balancer. */
  readonly losses?: readonly ReportedLoss[];
}
