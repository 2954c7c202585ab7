import type { Condition, LabelSelector, ObjectMeta } from "./kubernetes.ts";
import { ownKind, type Resource } from "./resources.ts";

/** Whether clients inside or outside the network of the cluster reach a load balancer. */
export type Scheme = "internal" | "internet-facing";

/** What becomes of a load balancer when its Service is deleted. */
export type DeletionPolicy = "Delete" | "Retain";

/** The blocks of a class, of which exactly one is there: it names the provider. */
export const providerBlocks = {
  proxy: "proxy",
  node: "node",
  awsNlb: "aws-nlb",
  gcpL4: "gcp-l4",
  l2: "l2",
  bgp: "bgp",
} as const;

export type ProviderBlock = keyof typeof providerBlocks;

/** What a class says of load balancers of Google Cloud; each wins over the controller's flag of the same name. */
export interface GcpL4Parameters {
  readonly nodeTags?: readonly string[];
  readonly disableFirewalls?: boolean;
  readonly networkProject?: string;
}

/** What a class says to its provider alone, which no Service can. */
export interface ProviderParameters {
  readonly gcpL4?: GcpL4Parameters;
}

/** What an administrator decides for all Services of a class. */
export interface LoadBalancerClassPolicy {
  /** What Services name; immutable, a label key with a prefix. */
  readonly loadBalancerClass: string;
  /** Annotations that apply where the Service has none. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** Namespaces whose Services may use it; absent: all. */
  readonly allowedNamespaces?: LabelSelector;
  /** Keys of annotations that Services may set; absent: all. */
  readonly allowedOverrides?: readonly string[];
  readonly limits?: {
    readonly total?: number;
    readonly perNamespace?: number;
    readonly portsPerService?: number;
  };
  /** Those that Services may ask for, the first where they ask for none; absent: all. */
  readonly schemes?: readonly Scheme[];
  readonly nodeSelector?: LabelSelector;
  readonly nodePorts?: {
    readonly policy: "Require" | "Ensure" | "Never";
    readonly band?: { readonly from: number; readonly to: number };
  };
  /** Default `Delete`. */
  readonly deletionPolicy?: DeletionPolicy;
}

export interface LoadBalancerClassSpec
  extends LoadBalancerClassPolicy,
    ProviderParameters,
    Readonly<Partial<Record<Exclude<ProviderBlock, keyof ProviderParameters>, Readonly<Record<string, unknown>>>>> {
  /** Takes Services without a class too. */
  readonly isDefault?: boolean;
}

/** A class of load balancers that Services may ask for; one kind for all providers. */
export interface LoadBalancerClass {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: LoadBalancerClassSpec;
  readonly status?: {
    /** The provider that serves the class. */
    readonly provider?: string;
    readonly conditions?: readonly Condition[];
  };
}

export const loadBalancerClasses: Resource<LoadBalancerClass> = ownKind(
  "LoadBalancerClass",
  "loadbalancerclasses",
  false,
);

const classForm =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Whether a class of ours may be called so: a label key as Kubernetes wants it, with a prefix as it is not the user's own. */
export function isClassName(text: string): boolean {
  return classForm.test(text);
}
