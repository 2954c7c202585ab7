/** The API group of our kinds, and the prefix of our names. */
export const apiGroup = "berth.dev";

/** Annotations that users may set on a Service. */
export const annotations = {
  /** Addresses for the load balancer, at most one per family, separated by commas. */
  loadBalancerIps: "berth.dev/load-balancer-ips",
  /** `"true"`: a change that replaces the address is applied. */
  allowReplace: "berth.dev/allow-replace",
} as const;

/** Annotation of a node's Lease: what the agent tells the controller, as JSON. */
export const reportAnnotation = "berth.dev/report";

/** The Lease of the agent of a node. */
export function agentLease(nodeName: string): string {
  return `berth-agent-${nodeName}`;
}

/** Kubernetes' own older word for `spec.loadBalancerSourceRanges`, which wins over it. */
export const sourceRangesAnnotation = "service.beta.kubernetes.io/load-balancer-source-ranges";

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

/** The load-balancer class of a provider. */
export function providerClass(provider: string): string {
  return `${apiGroup}/${provider}`;
}

/** Nodes with this label (unless its value reads as false) get no external traffic. */
export const excludeNodeLabel = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Taints that take a node out of every load balancer: it is about to go. */
export const leavingTaints: readonly string[] = ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"];

export const serviceNameLabel = "kubernetes.io/service-name";
export const serviceProxyNameLabel = "service.kubernetes.io/service-proxy-name";
export const headlessLabel = "service.kubernetes.io/headless";
export const zoneLabel = "topology.kubernetes.io/zone";
