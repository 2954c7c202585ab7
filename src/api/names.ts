/** The API group of our kinds, and the prefix of our names. */
export const apiGroup = "berth.dev";

/** Annotations that users may set on a Service. */
export const annotations = {
  /** Addresses for the load balancer, at most one per family, separated by commas. */
  loadBalancerIps: "berth.dev/load-balancer-ips",
  /** Name of the pool that the load balancer's addresses come from. */
  addressPool: "berth.dev/address-pool",
  /** `"true"`: a change that replaces the address is applied. */
  allowReplace: "berth.dev/allow-replace",
  /** A label selector: which nodes the load balancer sends to. */
  nodeSelector: "berth.dev/node-selector",
  /** `"true"`: `spec.loadBalancerSourceRanges` holds for NodePorts as well (kubernetes/kubernetes#33586). */
  sourceRangesOnNodePorts: "berth.dev/source-ranges-on-node-ports",
  /** `"true"`: source ranges are known not to hold, as others decide who may connect. */
  sourceRangesIgnored: "berth.dev/source-ranges-ignored",
  /** `internal` or `internet-facing`: who reaches the load balancer. */
  scheme: "berth.dev/scheme",
  /** `Retain`: the load balancer stays when the Service is deleted; `Delete`: it goes. */
  deletionPolicy: "berth.dev/deletion-policy",
  /** Seconds that open connections to a target may go on once it is taken out. */
  drainSeconds: "berth.dev/drain-seconds",
  /** `Premium` or `Standard`: how traffic comes to an external load balancer of Google Cloud. */
  networkTier: "berth.dev/network-tier",
  /** Name of the subnetwork that the load balancer's addresses come from. */
  subnet: "berth.dev/subnet",
  /** `"true"`: clients of other regions reach the internal load balancer. */
  globalAccess: "berth.dev/global-access",
  /** Names of addresses that are reserved for the load balancer, at most one per family, separated by commas. */
  addressNames: "berth.dev/address-names",
  /** `"true"`: nodes get traffic by the number of their endpoints. */
  weightedNodes: "berth.dev/weighted-nodes",
  /** `"true"`: nothing is done for the Service, not even its deletion. */
  paused: "berth.dev/paused",
} as const;

/** Annotation of a Service: the node ports that the controller set, as JSON; not for users. */
export const nodePortsAnnotation = "berth.dev/node-ports";

/** Annotation of a controller's Lease: the providers that its holder runs. */
export const providersAnnotation = "berth.dev/providers";

/** Annotation of a node's Lease: what the agent tells the controller, as JSON. */
export const reportAnnotation = "berth.dev/report";

/**
 * The Lease of the agent of a node. A node may have several agents, told apart by what their chains' names begin with;
 * undefined: that which has kube-proxy's. A node's name may hold a dash, but none begins with a dot.
 */
export function agentLease(nodeName: string, chainPrefix?: string): string {
  return chainPrefix === undefined ? `berth-agent-${nodeName}` : `berth-agent.${chainPrefix.toLowerCase()}.${nodeName}`;
}

/** The node whose agent has a Lease of this name; undefined when it is none of an agent with kube-proxy's chains. */
export function agentNode(lease: string): string | undefined {
  const prefix = agentLease("");
  return lease.startsWith(prefix) ? lease.slice(prefix.length) : undefined;
}

/** Where the Leases of agents are, apart from all others. */
export const agentLeaseNamespace = "berth-node-lease";

/** Kubernetes' own older word for `spec.loadBalancerSourceRanges`, which wins over it. */
export const sourceRangesAnnotation = "service.beta.kubernetes.io/load-balancer-source-ranges";

/** Annotation of a Service of a class of `aws-nlb`: the AWS Load Balancer Controller's word for `nodeSelector`. */
export const targetNodeLabelsAnnotation = "service.beta.kubernetes.io/aws-load-balancer-target-node-labels";

/** Condition types that the controller writes on a Service; everything finer is a reason. */
export const conditionTypes = {
  accepted: "berth.dev/Accepted",
  programmed: "berth.dev/Programmed",
  ready: "berth.dev/Ready",
  degraded: "berth.dev/Degraded",
  /** Core type of KEP-1435. */
  portsError: "LoadBalancerPortsError",
} as const;

/** The finalizer that upstream's service controller and we put on class-less Services. */
export const sharedFinalizer = "service.kubernetes.io/load-balancer-cleanup";

/** The finalizer that tells which provider has to clean up after a Service. */
export function providerFinalizer(provider: string): string {
  return `${provider}.${apiGroup}/resources`;
}

/** Providers whose packets and probes come to a node with the load balancer's own address, as if it were the node's. */
export const passthroughProviders: readonly string[] = ["gcp-l4"];

/** The load-balancer class of a provider. */
export function providerClass(provider: string): string {
  return `${apiGroup}/${provider}`;
}

/** Nodes with this label (unless its value reads as false) get no external traffic. */
export const excludeNodeLabel = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Taints that take a node out of every load balancer: it is about to go. */
export const leavingTaints: readonly string[] = ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"];

/** Of a node that its cloud controller manager has still to set up: until then it has no providerID. */
export const newNodeTaint = "node.cloudprovider.kubernetes.io/uninitialized";

export const serviceNameLabel = "kubernetes.io/service-name";
export const serviceProxyNameLabel = "service.kubernetes.io/service-proxy-name";
export const headlessLabel = "service.kubernetes.io/headless";
export const zoneLabel = "topology.kubernetes.io/zone";
