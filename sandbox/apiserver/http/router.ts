import { type Access, attributesOf } from "../access/index.ts";
import { apiVersionOf, type ResourceType } from "../resource-type.ts";
import type { Schemas } from "../schema.ts";
import { noSuchResource } from "../status.ts";
import type { TypeTable } from "../type-table.ts";
import { aggregatedDiscovery, plainDiscovery } from "./discovery.ts";
import { type Answer, type ApiRequest, answerError, json, text, withWarnings } from "./message.ts";
import { OpenApi, openApiV2 } from "./openapi.ts";
import { parseResourcePath } from "./resource-path.ts";
import type { Resources } from "./resources.ts";

export interface RouterOptions {
  readonly types: TypeTable;
  readonly schemas: Schemas;
  readonly resources: Resources;
  readonly access: Access;
  /** Where clients reach the server, as discovery tells them. */
  readonly address: () => string;
}

const aggregated = /application\/json;g=apidiscovery\.k8s\.io;v=v2(?:;as=APIGroupDiscoveryList)/;

const version = {
  major: "1",
  minor: "37",
  gitVersion: "v1.37.2",
  gitCommit: "0000000000000000000000000000000000000000",
  gitTreeState: "clean",
  buildDate: "2026-10-01T00:00:00Z",
  goVersion: "go1.26.0",
  compiler: "gc",
  platform: "linux/amd64",
};

/** Whether a path lies under a built-in group version: then its resource is what is missing. */
function isUnderGroup(types: readonly ResourceType[], path: string): boolean {
  const builtIn = types.filter(({ custom }) => custom === undefined);
  return builtIn.some((type) => path.startsWith(`/${type.group === "" ? "api" : "apis"}/${apiVersionOf(type)}/`));
}

/** Finds who answers a path. Whatever goes wrong leaves as a Status. */
export class Router {
  readonly #options: RouterOptions;
  readonly #openApi: OpenApi;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#openApi = new OpenApi(options.types, options.schemas);
  }

  async handle(request: ApiRequest): Promise<Answer> {
    const warnings = new Set<string>();
    const answer = await this.#route(request, (text) => warnings.add(text)).catch(answerError);
    return withWarnings(answer, warnings);
  }

  async #route(request: ApiRequest, warn: (text: string) => void): Promise<Answer> {
    const { path, method, query } = request;
    const { access, resources } = this.#options;
    const types = this.#options.types.all;
    const user = access.admit((name) => request.header(name), attributesOf(method, path, query));
    if (method === "GET") {
      const fixed = this.#fixed(request);
      if (fixed !== undefined) return fixed;
    }
    const target = parseResourcePath(types, path);
    if (target === undefined && isUnderGroup(types, path)) throw noSuchResource();
    if (target === undefined) return text(404, "404 page not found\n");
    return resources.handle({ ...request, user, warn }, target);
  }

  /** Documents that no object is behind. */
  #fixed(request: ApiRequest): Answer | undefined {
    const types = this.#options.types.all;
    const path = request.path === "/" ? "/" : request.path.replace(/\/$/, "");
    switch (path) {
      case "/healthz":
      case "/livez":
      case "/readyz":
        return text(200, "ok");
      case "/version":
        return json(200, version);
      case "/openapi/v2":
        return openApiV2(request.header("accept"));
      case "/openapi/v3":
        return json(200, this.#openApi.index());
      default:
    }
    if (path.startsWith("/openapi/v3/")) {
      const document = this.#openApi.document(path.slice("/openapi/v3/".length));
      return document === undefined ? undefined : { status: 200, contentType: "application/json", body: document };
    }
    if ((path === "/api" || path === "/apis") && aggregated.test(request.header("accept") ?? ""))
      return {
        ...json(200, aggregatedDiscovery(types, path)),
        contentType: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
      };
    const document = plainDiscovery(types, path, this.#options.address());
    return document === undefined ? undefined : json(200, document);
  }
}
