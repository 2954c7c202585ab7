import { createHash } from "node:crypto";
import { type EndpointSlice, type ObjectMeta, type Pod, serviceNameLabel } from "../../src/api/index.ts";

export type Labels = Readonly<Record<string, string>>;

/** Whether the labels carry every pair of an equality selector. */
export function labelsMatch(selector: Labels, labels: Labels = {}): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

export function isPodReady({ status }: Pod): boolean {
  return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
}

/** Whether the pod has neither ended nor been told to. */
export function isPodActive({ metadata, status }: Pod): boolean {
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  return !ended && metadata.deletionTimestamp === undefined;
}

/** Whether `meta` belongs to the controller object with this UID. */
export function isControlledBy(meta: ObjectMeta, uid: string | undefined): boolean {
  return meta.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) ?? false;
}

/** The key of the owner of this kind that controls the object, as a list of at most one. */
export function controllerKey({ metadata }: { readonly metadata: ObjectMeta }, kind: string): string[] {
  const owner = metadata.ownerReferences?.find((owner) => owner.controller === true && owner.kind === kind);
  return owner === undefined ? [] : [`${metadata.namespace ?? ""}/${owner.name}`];
}

/** The key of the Service that a slice belongs to, as a list of at most one. */
export function sliceService({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name === undefined ? [] : [`${metadata.namespace ?? ""}/${name}`];
}

/** A short name for a value: equal values have equal names, whatever the order of their keys. */
export function shortHash(value: unknown): string {
  return createHash("sha256")
    .update(sorted(value ?? null))
    .digest("hex")
    .slice(0, 10);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** A time as Kubernetes writes it: RFC 3339 in whole seconds. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
