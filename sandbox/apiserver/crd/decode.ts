import { type Decoded, DecodeError, decode } from "../decode.ts";
import { invalid } from "../field-error.ts";
import { asText, isMap, type JsonMap } from "../object.ts";
import type { Schemas } from "../schema.ts";
import { badRequest, invalidObject } from "../status.ts";
import type { JsonSchema } from "./json-schema.ts";
import { pruned } from "./pruning.ts";

const metadataSchema = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** What a body must say of itself. */
export interface Identity {
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
}

/** Reads a body as a custom resource: metadata as every object has it, and only the fields that the schema has. */
export function decodeResource(
  schemas: Schemas,
  identity: Identity,
  schema: JsonSchema,
  body: unknown,
  isPatch: boolean,
): Decoded {
  if (!isMap(body)) throw new DecodeError("json: cannot unmarshal into Go value of type map[string]interface {}");
  checkIdentity(identity, body, isPatch);
  const unknown: string[] = [];
  const object = pruned(schema, body, unknown) as JsonMap;
  const metadata = decode(schemas, metadataSchema, body["metadata"] ?? {});
  return {
    object: { ...object, metadata: metadata.object },
    unknown: [...unknown, ...metadata.unknown.map((field) => `metadata.${field}`)].toSorted(),
  };
}

function checkIdentity({ group, apiVersion, kind }: Identity, body: JsonMap, isPatch: boolean): void {
  const text = JSON.stringify(body);
  const found = { apiVersion: asText(body["apiVersion"]), kind: asText(body["kind"]) };
  if (found.kind === "")
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): Object 'Kind' is missing in '${text}' (${text})`,
    );
  const wrong = (field: "apiVersion" | "kind", wanted: string): Error => {
    const name = isMap(body["metadata"]) ? asText(body["metadata"]["name"]) : "";
    const named = { group, kind: found.kind };
    return invalidObject(named, name, [invalid(field, found[field], `must be ${wanted}`)]);
  };
  if (found.apiVersion !== apiVersion && !isPatch)
    throw badRequest(
      `the API version in the data (${found.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  if (found.apiVersion !== apiVersion) throw wrong("apiVersion", apiVersion);
  if (found.kind !== kind) throw wrong("kind", kind);
}
