// Subresources that are no mere part of their object: scale, binding, eviction, finalize.
import { deleteObject, parseDeleteOptions } from "../deletion.ts";
import { invalid } from "../field-error.ts";
import { asMap, asText, type JsonMap, type KubeObject, timestamp, valueAt } from "../object.ts";
import { type PatchType, patched } from "../patch/index.ts";
import type { Registry, WriteOptions } from "../registry.ts";
import { type ResourceType, resourceOf } from "../resource-type.ts";
import { badRequest, conflict, invalidObject, modified } from "../status.ts";
import { ageColumn, ageOf, column } from "../table/table.ts";
import type { Form } from "./representation.ts";

const scaleSchema = "io.k8s.api.autoscaling.v1.Scale";

/** The Scale that stands for a workload. */
export function scaleOf(object: KubeObject): JsonMap {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const labels = Object.entries(asMap(valueAt(object, "spec.selector.matchLabels")));
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: Number(valueAt(object, "spec.replicas") ?? 0) },
    status: {
      replicas: Number(valueAt(object, "status.replicas") ?? 0),
      selector: labels.map(([key, value]) => `${key}=${asText(value)}`).join(","),
    },
  };
}

/** A Scale as the client wants it: whole, or as a row of a table. */
export function representScale(object: KubeObject, form: Form, now: number): JsonMap {
  const scale = scaleOf(object);
  if (form !== "table") return scale;
  const columns = [
    column("Name"),
    column("Desired", { type: "integer" }),
    column("Available", { type: "integer" }),
    ageColumn,
  ];
  const metadata = { ...object.metadata };
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: metadata.resourceVersion },
    columnDefinitions: columns.map((each) => ({ format: "", ...each })),
    rows: [
      {
        cells: [
          metadata.name,
          Number(valueAt(scale, "spec.replicas")),
          Number(valueAt(scale, "status.replicas")),
          ageOf(object, now),
        ],
        object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata },
      },
    ],
  };
}

export function patchedScale(registry: Registry, object: KubeObject, patch: unknown, type: PatchType): unknown {
  return patched(registry.schemas, scaleSchema, scaleOf(object), patch, type);
}

/** Writes the replicas of a Scale to its workload. */
export function writeScale(
  registry: Registry,
  type: ResourceType,
  object: KubeObject,
  scale: unknown,
  options: WriteOptions,
): KubeObject {
  const replicas = valueAt(scale, "spec.replicas") ?? 0;
  const version = valueAt(scale, "metadata.resourceVersion");
  if (typeof replicas !== "number") throw badRequest("Scale: spec.replicas must be a number");
  if (replicas < 0)
    throw invalidObject({ group: "autoscaling", kind: "Scale" }, object.metadata.name ?? "", [
      invalid("spec.replicas", replicas, "must be greater than or equal to 0"),
    ]);
  if (version !== undefined && version !== object.metadata.resourceVersion)
    throw modified(resourceOf(type), object.metadata.name ?? "");
  const next = structuredClone(object);
  next["spec"] = { ...asMap(next["spec"]), replicas };
  return registry.replace(type, object, next, "object", options).object;
}

/** Gives a pod its node, as a scheduler does. */
export function bind(registry: Registry, type: ResourceType, pod: KubeObject, binding: unknown): void {
  const node = asText(valueAt(binding, "target.name"));
  const assigned = asText(valueAt(pod, "spec.nodeName"));
  const name = pod.metadata.name ?? "";
  if (assigned !== "")
    throw conflict({ group: "", kind: "pods/binding" }, name, `pod ${name} is already assigned to node "${assigned}"`);
  const status = asMap(pod["status"]);
  const conditions = (status["conditions"] ?? []) as readonly JsonMap[];
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: timestamp(registry.clock.now()),
  };
  registry.store.put(type.collection, {
    ...pod,
    spec: { ...asMap(pod["spec"]), nodeName: node },
    status: { ...status, conditions: [...conditions.filter((other) => other["type"] !== "PodScheduled"), scheduled] },
  });
}

export function evict(registry: Registry, type: ResourceType, pod: KubeObject, eviction: unknown): void {
  deleteObject(registry, type, pod, parseDeleteOptions(asMap(eviction)["deleteOptions"], new URLSearchParams()));
}

/** Sets what a namespace waits for before it goes. */
export function finalizeNamespace(
  registry: Registry,
  type: ResourceType,
  namespace: KubeObject,
  body: unknown,
): KubeObject {
  const finalizers = valueAt(body, "spec.finalizers");
  return registry.store.put(type.collection, {
    ...namespace,
    spec: Array.isArray(finalizers) && finalizers.length > 0 ? { finalizers } : {},
  });
}

export const success: JsonMap = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
