import { createHash } from "node:crypto";
import type { JsonMap } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import type { Schemas } from "../schema.ts";
import { type ApiAnswer, json } from "./message.ts";

const scaleSchema = "io.k8s.api.autoscaling.v1.Scale";

/** The OpenAPI v3 documents: what kubectl validates and explains with, and how it learns of dry runs. */
export class OpenApi {
  readonly #documents: ReadonlyMap<string, string>;
  readonly #index: JsonMap;

  constructor(types: readonly ResourceType[], schemas: Schemas) {
    const paths = [...new Set(types.map(groupPath))];
    this.#documents = new Map(
      paths.map((path) => [
        path,
        JSON.stringify(
          document(
            types.filter((type) => groupPath(type) === path),
            schemas,
          ),
        ),
      ]),
    );
    this.#index = {
      paths: Object.fromEntries(
        [...this.#documents].map(([path, text]) => {
          const hash = createHash("sha256").update(text).digest("hex").toUpperCase();
          return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
        }),
      ),
    };
  }

  index(): JsonMap {
    return this.#index;
  }

  /** The text of a group version's document: `api/v1`, `apis/apps/v1`. */
  document(path: string): string | undefined {
    return this.#documents.get(path);
  }
}

function groupPath({ group, version }: ResourceType): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function document(types: readonly ResourceType[], schemas: Schemas): JsonMap {
  const kinds = types.flatMap(({ schema, isReview }) => (isReview ? [schema] : [schema, `${schema}List`]));
  const names = schemas.closure([...kinds, scaleSchema, "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.37.2" },
    paths: Object.fromEntries(types.flatMap(pathsOf)),
    components: { schemas: Object.fromEntries([...names].toSorted().map((name) => [name, schemas.named(name)])) },
  };
}

function pathsOf(type: ResourceType): [string, JsonMap][] {
  const { group, version, kind, plural, namespaced, schema, isReview } = type;
  const gvk = { group, version, kind };
  const collection = `/${groupPath(type)}/${namespaced ? "namespaces/{namespace}/" : ""}${plural}`;
  const content = { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } };
  const responses = { "200": { description: "OK", content } };
  const operation = (action: string, parameters: readonly string[]): JsonMap => ({
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
    parameters: parameters.map((name) => ({ name, in: "query", schema: { type: "string" } })),
    responses,
  });
  const write = ["dryRun", "fieldManager", "fieldValidation"];
  if (isReview) return [[collection, { post: operation("post", write) }]];
  return [
    [collection, { get: operation("list", []), post: operation("post", write) }],
    [
      `${collection}/{name}`,
      {
        get: operation("get", []),
        put: operation("put", write),
        patch: operation("patch", write),
        delete: operation("delete", ["dryRun"]),
      },
    ],
  ];
}

const protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** The old format, which kubectl asks when it knows no kind of a name: it lists none. No bytes are an empty message. */
export function openApiV2(accept = ""): ApiAnswer {
  if (accept.includes("protobuf")) return { status: 200, contentType: protobufV2, body: "" };
  return json(200, { swagger: "2.0", info: { title: "Kubernetes", version: "v1.37.2" }, paths: {} });
}
