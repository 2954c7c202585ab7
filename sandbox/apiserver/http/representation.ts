import { assertNever } from "../../../src/base/index.ts";
import type { JsonMap, KubeObject } from "../object.ts";
import { apiVersionOf, type ResourceType } from "../resource-type.ts";
import { notAcceptable } from "../status.ts";

/** How a client wants objects: whole, as rows of a table, or their metadata alone. */
export type Form = "object" | "table" | "metadata";

/** Picks the first acceptable form of an Accept header; we speak JSON only. */
export function acceptedForm(accept: string | undefined): Form {
  const ranges = (accept ?? "*/*").split(",").map((range) => range.trim());
  for (const range of ranges) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    if (!["application/json", "application/*", "*/*", ""].includes(type)) continue;
    const as = parameters.find((parameter) => parameter.startsWith("as="))?.slice(3);
    if (as === undefined) return "object";
    if (as === "Table") return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "metadata";
  }
  throw notAcceptable(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]);
}

/** A stored object as its type shows it. */
export function shown(type: ResourceType, object: KubeObject): KubeObject {
  const seen = type.behaviour.shown?.(object) ?? object;
  return type.view?.fromStored(seen) ?? seen;
}

function metadataOnly({ metadata }: KubeObject): JsonMap {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

/** One object in the form that was asked for. */
export function represent(
  type: ResourceType,
  object: KubeObject,
  form: Form,
  query: URLSearchParams,
  now: number,
): JsonMap {
  switch (form) {
    case "object":
      return shown(type, object);
    case "metadata":
      return metadataOnly(object);
    case "table":
      return table(type, [object], { resourceVersion: object.metadata.resourceVersion }, query, now);
    default:
      return assertNever(form, "form");
  }
}

/** A list in the form that was asked for. */
export function representList(
  type: ResourceType,
  objects: readonly KubeObject[],
  metadata: JsonMap,
  form: Form,
  query: URLSearchParams,
  now: number,
): JsonMap {
  switch (form) {
    case "object":
      return {
        kind: type.custom?.listKind ?? `${type.kind}List`,
        apiVersion: apiVersionOf(type),
        metadata: type.custom === undefined ? metadata : { continue: "", ...metadata },
        items: objects.map((object) => listItem(type, object)),
      };
    case "metadata":
      return {
        kind: "PartialObjectMetadataList",
        apiVersion: "meta.k8s.io/v1",
        metadata,
        items: objects.map(metadataOnly),
      };
    case "table":
      return table(type, objects, metadata, query, now);
    default:
      return assertNever(form, "form");
  }
}

/** The kind of a list says that of its items, as in the lists of Go clients; custom resources have no Go type. */
function listItem(type: ResourceType, object: KubeObject): JsonMap {
  const whole = shown(type, object);
  if (type.custom !== undefined) return whole;
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = whole;
  return rest;
}

export function table(
  type: ResourceType,
  objects: readonly KubeObject[],
  metadata: JsonMap,
  query: URLSearchParams,
  now: number,
  withHeader = true,
): JsonMap {
  const include = query.get("includeObject") ?? "Metadata";
  const columnDefinitions = type.columns.columns.map(({ name, type, format = "", description, priority }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: withHeader ? columnDefinitions : null,
    rows: objects.map((object) => ({
      cells: type.columns.cells(object, now),
      object: include === "Object" ? shown(type, object) : include === "None" ? null : metadataOnly(object),
    })),
  };
}
