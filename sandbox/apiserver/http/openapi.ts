import { createHash } from "node:crypto";
import type { JsonMap } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import type { Schemas } from "../schema.ts";
import type { TypeTable } from "../type-table.ts";
import { type ApiAnswer, json } from "./message.ts";

const scaleSchema = "io.k8s.api.autoscaling.v1.Scale";

const metaPackage = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** The OpenAPI v3 documents: what kubectl validates and explains with, and how it learns of dry runs. */
export class OpenApi {
  readonly #types: TypeTable;
  readonly #schemas: Schemas;
  #documents: ReadonlyMap<string, string> = new Map();
  /** What the documents are made from. */
  #from: readonly ResourceType[] | undefined;

  constructor(types: TypeTable, schemas: Schemas) {
    this.#types = types;
    this.#schemas = schemas;
  }

  index(): JsonMap {
    return {
      paths: Object.fromEntries(
        [...this.#current()].map(([path, text]) => {
          const hash = createHash("sha256").update(text).digest("hex").toUpperCase();
          return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
        }),
      ),
    };
  }

  /** The text of a group version's document: `api/v1`, `apis/apps/v1`. */
  document(path: string): string | undefined {
    return this.#current().get(path);
  }

  #current(): ReadonlyMap<string, string> {
    const { all } = this.#types;
    if (this.#from !== all) {
      const ofPath = Map.groupBy(all, groupPath);
      this.#documents = new Map(
        [...ofPath].map(([path, types]) => [path, JSON.stringify(document(types, this.#schemas))]),
      );
      this.#from = all;
    }
    return this.#documents;
  }
}

function groupPath({ group, version }: ResourceType): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function document(types: readonly ResourceType[], schemas: Schemas): JsonMap {
  const kinds = types.flatMap(({ schema, isReview, custom }) => {
    if (custom !== undefined) return [`${metaPackage}.ObjectMeta`, `${metaPackage}.ListMeta`];
    return isReview ? [schema] : [schema, `${schema}List`];
  });
  const names = schemas.closure([...kinds, scaleSchema, `${metaPackage}.DeleteOptions`]);
  const builtIn = [...names].map((name) => [name, schemas.named(name)] as const);
  const custom = types.flatMap((type) => Object.entries(type.custom?.schemas ?? {}));
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.37.2" },
    paths: Object.fromEntries(types.flatMap(pathsOf)),
    components: { schemas: Object.fromEntries([...custom, ...builtIn].toSorted(([a], [b]) => (a < b ? -1 : 1))) },
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
