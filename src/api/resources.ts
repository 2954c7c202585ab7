import type { EventsV1Event, V1Deployment, V1Lease, V1Namespace, V1ReplicaSet } from "@kubernetes/client-node";
import type { EndpointSlice, Node, Pod, Service, Stored } from "./kubernetes.ts";
import { apiGroup } from "./names.ts";

export type Event = Stored<EventsV1Event>;
export type Lease = Stored<V1Lease>;
export type Namespace = Stored<V1Namespace>;
export type Deployment = Stored<V1Deployment>;
export type ReplicaSet = Stored<V1ReplicaSet>;

/** Where an API server serves the objects of one kind; `T` is their type. */
export interface Resource<T> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The last path element: `services`. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only for the type checker; never set. */
  readonly example?: T;
}

export const services: Resource<Service> = core("Service", "services", true);
export const nodes: Resource<Node> = core("Node", "nodes", false);
export const pods: Resource<Pod> = core("Pod", "pods", true);
export const namespaces: Resource<Namespace> = core("Namespace", "namespaces", false);
export const endpointSlices: Resource<EndpointSlice> = named("discovery.k8s.io", "EndpointSlice", "endpointslices");
export const leases: Resource<Lease> = named("coordination.k8s.io", "Lease", "leases");
export const events: Resource<Event> = named("events.k8s.io", "Event", "events");
export const deployments: Resource<Deployment> = named("apps", "Deployment", "deployments");
export const replicaSets: Resource<ReplicaSet> = named("apps", "ReplicaSet", "replicasets");

function core<T>(kind: string, plural: string, namespaced: boolean): Resource<T> {
  return { group: "", version: "v1", kind, plural, namespaced };
}

function named<T>(group: string, kind: string, plural: string): Resource<T> {
  return { group, version: "v1", kind, plural, namespaced: true };
}

/** A kind of ours. */
export function ownKind<T>(kind: string, plural: string, namespaced: boolean): Resource<T> {
  return { group: apiGroup, version: "v1alpha1", kind, plural, namespaced };
}

/** The URL path of a collection (no name), an object, or a subresource of it. */
export function resourcePath(
  resource: Resource<unknown>,
  at: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string } = {},
): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && at.namespace !== undefined ? ["namespaces", at.namespace] : [];
  const parts = [...scope, resource.plural, at.name, at.name === undefined ? undefined : at.subresource];
  return [root, ...parts.filter((part) => part !== undefined).map(encodeURIComponent)].join("/");
}
