// The three patches of the Kubernetes API, each a pure function from an object to a new one.
import jsonPatch, { type Operation } from "fast-json-patch";
import { isMap, type JsonMap } from "../object.ts";
import type { Schemas } from "../schema.ts";
import { badRequest, StatusError } from "../status.ts";
import { mergePatch } from "./merge.ts";
import { strategicMergePatch } from "./strategic.ts";

export const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

export type PatchType = (typeof patchTypes)[keyof typeof patchTypes];

export function isPatchType(text: string): text is PatchType {
  return Object.values<string>(patchTypes).includes(text);
}

/** Applies a patch body to an object; a patch that cannot be applied throws a StatusError. */
export function patched(schemas: Schemas, schema: string, object: JsonMap, patch: unknown, type: PatchType): unknown {
  if (type === patchTypes.json) return jsonPatched(object, patch);
  if (!isMap(patch)) throw badRequest("a patch must be a JSON object");
  return type === patchTypes.merge
    ? mergePatch(object, patch)
    : strategicMergePatch(schemas, schemas.named(schema), object, patch);
}

function jsonPatched(object: JsonMap, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest("a JSON patch must be a list of operations");
  const operations = patch as Operation[];
  const wrong = jsonPatch.validate(operations);
  if (wrong !== undefined) throw badRequest(`invalid JSON patch: ${wrong.name}`);
  try {
    return operations.reduce(
      (document, operation) => jsonPatch.applyOperation(document, asInGo(document, operation), true).newDocument,
      structuredClone(object),
    );
  } catch {
    throw new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});
  }
}

/** In Go's library, which is kube-apiserver's, a replacement of a member that is not there adds it. */
function asInGo(document: JsonMap, operation: Operation): Operation {
  if (operation.op !== "replace") return operation;
  const parent: unknown = jsonPatch.getValueByPointer(
    document,
    operation.path.slice(0, operation.path.lastIndexOf("/")),
  );
  return isMap(parent) ? { ...operation, op: "add" } : operation;
}
