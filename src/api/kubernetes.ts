import type {
  V1Condition,
  V1Endpoint,
  V1EndpointSlice,
  V1LabelSelector,
  V1LoadBalancerIngress,
  V1Node,
  V1ObjectMeta,
  V1Pod,
  V1Service,
  V1ServicePort,
  V1ServiceSpec,
} from "@kubernetes/client-node";
import type { Json } from "../base/index.ts";

/** An object as an API server stores it: it always has metadata. */
export type Stored<T extends { metadata?: V1ObjectMeta }> = Omit<Json<T>, "metadata"> & { metadata: ObjectMeta };

export type ObjectMeta = Json<V1ObjectMeta>;
export type Condition = Json<V1Condition>;
export type Service = Stored<V1Service>;
export type ServiceSpec = Json<V1ServiceSpec>;
export type ServicePort = Json<V1ServicePort>;
export type LoadBalancerIngress = Json<V1LoadBalancerIngress>;
export type EndpointSlice = Stored<V1EndpointSlice>;
export type Endpoint = Json<V1Endpoint>;
export type Node = Stored<V1Node>;
export type Pod = Stored<V1Pod>;
export type LabelSelector = Pick<Json<V1LabelSelector>, "matchLabels" | "matchExpressions">;

/** Layer 4 protocols that a Service port may have. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/** `namespace/name`: the key of a namespaced object in queues, stores and log lines. */
export function objectKey(meta: ObjectMeta): string {
  return meta.namespace === undefined ? (meta.name ?? "") : `${meta.namespace}/${meta.name ?? ""}`;
}
