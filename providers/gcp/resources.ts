// What this adapter makes and reads of Compute Engine, with the names and values of its API: bodies go out as they are.
// Links are whole (`https://www.googleapis.com/compute/v1/projects/...`), and so is what `client.ts` reads.
import { assertNever } from "../../src/base/index.ts";

export type Tier = "PREMIUM" | "STANDARD";
export type LbScheme = "EXTERNAL" | "INTERNAL";

/** What every resource has. Ours are told by their description. */
interface Common {
  readonly name: string;
  readonly description: string;
}

export interface Address extends Common {
  readonly kind: "address";
  /** Absent in what is asked for: any will do. */
  readonly address?: string;
  readonly addressType: LbScheme;
  /** Of external ones only. */
  readonly networkTier?: Tier;
  /** Of internal ones, and of external IPv6 ones. */
  readonly subnetwork?: string;
  readonly ipVersion?: "IPV6";
  readonly ipv6EndpointType?: "NETLB";
  /** Links of what holds it; only read. */
  readonly users?: readonly string[];
}

export interface HealthCheck extends Common {
  readonly kind: "healthCheck";
  readonly type: "HTTP";
  readonly httpHealthCheck: { readonly port: number; readonly requestPath: string };
  readonly checkIntervalSec: number;
  readonly timeoutSec: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** `all` has no ports. */
export interface FirewallTraffic {
  readonly IPProtocol: "tcp" | "udp" | "all";
  readonly ports?: readonly string[];
}

export interface Firewall extends Common {
  readonly kind: "firewall";
  /** That has it, where it is another one than the controller's flags name. */
  readonly project?: string;
  readonly network: string;
  readonly direction: "INGRESS";
  readonly priority: number;
  readonly disabled: boolean;
  readonly sourceRanges: readonly string[];
  readonly destinationRanges: readonly string[];
  readonly targetTags: readonly string[];
  /** These three only read: ours have none. */
  readonly sourceTags?: readonly string[];
  readonly sourceServiceAccounts?: readonly string[];
  readonly targetServiceAccounts?: readonly string[];
  readonly allowed: readonly FirewallTraffic[];
  readonly denied: readonly FirewallTraffic[];
}

export interface Backend {
  readonly group: string;
  readonly balancingMode: "CONNECTION";
}

export type LocalityPolicy = "WEIGHTED_MAGLEV" | "WEIGHTED_GCP_RENDEZVOUS";

export interface BackendService extends Common {
  readonly kind: "backendService";
  readonly loadBalancingScheme: LbScheme;
  readonly protocol: "TCP" | "UDP" | "UNSPECIFIED";
  readonly sessionAffinity: "NONE" | "CLIENT_IP";
  readonly connectionDraining: { readonly drainingTimeoutSec: number };
  readonly healthChecks: readonly string[];
  readonly backends: readonly Backend[];
  /** Absent: the same weight for all. */
  readonly localityLbPolicy?: LocalityPolicy;
  /** Of the state that was read; an update of another state is refused. */
  readonly fingerprint?: string;
}

export interface ForwardingRule extends Common {
  readonly kind: "forwardingRule";
  /** IPv6 ones end with their prefix length. */
  readonly IPAddress: string;
  readonly IPProtocol: "TCP" | "UDP" | "L3_DEFAULT";
  readonly loadBalancingScheme: LbScheme;
  readonly backendService: string;
  /** Exactly one of these three. */
  readonly ports?: readonly string[];
  readonly portRange?: string;
  readonly allPorts?: true;
  readonly networkTier?: Tier;
  readonly network?: string;
  readonly subnetwork?: string;
  readonly ipVersion?: "IPV6";
  readonly allowGlobalAccess?: boolean;
}

/** A zonal group of single machines, each by its first interface. */
export interface EndpointGroup extends Common {
  readonly kind: "endpointGroup";
  readonly zone: string;
  readonly networkEndpointType: "GCE_VM_IP";
  readonly network: string;
  readonly subnetwork: string;
  /** How many are in it; only read. */
  readonly size?: number;
}

/** A machine, at its address in the network of the group. */
export interface Endpoint {
  /** The name of the machine, not a link. */
  readonly instance: string;
}

/** A zonal group of whole machines, of which a machine may be in one only that a load balancer sends to. */
export interface InstanceGroup extends Common {
  readonly kind: "instanceGroup";
  readonly zone: string;
  /** That of its first machine; nothing may refer to a group that never had one. Only read. */
  readonly network?: string;
  readonly size?: number;
}

/** A group of machines of one zone. */
export type Group = EndpointGroup | InstanceGroup;

export type Resource = Address | HealthCheck | Firewall | BackendService | ForwardingRule | Group;
export type ResourceKind = Resource["kind"];

/** Which resource; `zone` for what is neither regional nor global, `project` as in `Firewall`. */
export interface Ref {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly zone?: string;
  readonly project?: string;
}

export function refOf(resource: Resource): Ref {
  const { kind, name } = resource;
  if ("zone" in resource) return { kind, name, zone: resource.zone };
  return "project" in resource ? { kind, name, project: resource.project } : { kind, name };
}

/** One text per resource. */
export function refText({ kind, name, zone, project }: Ref): string {
  const place = zone === undefined ? "" : ` in ${zone}`;
  return `${kind} ${name}${place}${project === undefined ? "" : ` of project ${project}`}`;
}

/** The input of a plan step: one mutating request. */
export type Action =
  | { readonly verb: "insert"; readonly resource: Resource }
  /** PUT: what the body lacks takes its default; a PATCH cannot empty a list. */
  | { readonly verb: "update"; readonly resource: HealthCheck | Firewall | BackendService }
  /** The only field that a rule lets be changed. */
  | { readonly verb: "globalAccess"; readonly rule: string; readonly allow: boolean }
  | { readonly verb: "delete"; readonly ref: Ref }
  | {
      readonly verb: "attach" | "detach";
      readonly kind: Group["kind"];
      readonly group: string;
      readonly zone: string;
      readonly endpoints: readonly Endpoint[];
    };

/** The resource that an action is about. */
export function targetOf(action: Action): Ref {
  switch (action.verb) {
    case "insert":
    case "update":
      return refOf(action.resource);
    case "delete":
      return action.ref;
    case "globalAccess":
      return { kind: "forwardingRule", name: action.rule };
    case "attach":
    case "detach":
      return { kind: action.kind, name: action.group, zone: action.zone };
    default:
      return assertNever(action, "action");
  }
}
