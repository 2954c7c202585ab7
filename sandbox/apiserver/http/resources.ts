import { type Access, checkEscalation, isTrue, requestToken, review, tokenRequestSchema } from "../access/index.ts";
import { decode } from "../decode.ts";
import { deleteObject, parseDeleteOptions } from "../deletion.ts";
import { notSupported } from "../field-error.ts";
import type { JsonMap, KubeObject } from "../object.ts";
import { isPatchType, type PatchType, patchTypes } from "../patch/index.ts";
import type { Protobuf } from "../protobuf.ts";
import type { FieldValidation, Part, Registry, WriteOptions, Written } from "../registry.ts";
import { type ResourceType, resourceOf } from "../resource-type.ts";
import {
  badRequest,
  invalidOptions,
  methodNotAllowed,
  noSuchResource,
  notFound,
  StatusError,
  unsupportedMediaType,
  unsupportedPatchType,
} from "../status.ts";
import { mediaType, readBody } from "./body.ts";
import { listPage } from "./list.ts";
import { type AdmittedRequest, type Answer, type ApiRequest, json } from "./message.ts";
import { acceptedForm, represent, representList } from "./representation.ts";
import type { ResourcePath } from "./resource-path.ts";
import { parseSelection } from "./selection.ts";
import {
  bind,
  evict,
  finalizeNamespace,
  patchedScale,
  representScale,
  scaleOf,
  success,
  writeScale,
} from "./subresources.ts";
import { type WatchContext, watch } from "./watch.ts";

/** Turns requests for objects into calls of the registry, and what comes back into answers. */
export class Resources {
  readonly #registry: Registry;
  readonly #watching: WatchContext;
  readonly #protobuf: Protobuf;
  readonly #access: Access;

  constructor(registry: Registry, watching: WatchContext, protobuf: Protobuf, access: Access) {
    this.#protobuf = protobuf;
    this.#access = access;
    this.#registry = registry;
    this.#watching = watching;
  }

  async handle(request: AdmittedRequest, path: ResourcePath): Promise<Answer> {
    const { type, namespace, name, subresource, isWatch } = path;
    if (type.behaviour.deprecation !== undefined) request.warn(type.behaviour.deprecation);
    if (type.isReview) return this.#review(request, type);
    if (isWatch) return this.#watch(request, path);
    if (name === undefined) return this.#collection(request, type, namespace);
    if (subresource === undefined) return this.#object(request, type, namespace, name);
    if (!type.subresources.some((known) => known === subresource))
      throw type.custom === undefined ? noSuchResource() : notFound(resourceOf(type), name);
    return this.#subresource(request, type, namespace, name, subresource);
  }

  async #review(request: AdmittedRequest, type: ResourceType): Promise<Answer> {
    if (request.method !== "POST") throw methodNotAllowed();
    const asked = this.#registry.read(type, await readBody(request, this.#protobuf), writeOptions(request));
    return json(201, review(this.#access.authorizer, request.user, type, asked, this.#now()));
  }

  #collection(request: AdmittedRequest, type: ResourceType, namespace: string | undefined): Promise<Answer> | Answer {
    const { query } = request;
    switch (request.method) {
      case "GET":
        return isTrue(query.get("watch"))
          ? watch(this.#watching, type, namespace, query, acceptedForm(request.header("accept")))
          : this.#list(request, type, namespace);
      case "POST":
        return this.#create(request, type, namespace);
      case "DELETE":
        return this.#deleteCollection(request, type, namespace);
      default:
        throw methodNotAllowed();
    }
  }

  #watch(request: AdmittedRequest, { type, namespace, name }: ResourcePath): Answer {
    if (request.method !== "GET") throw methodNotAllowed();
    const query = new URLSearchParams(request.query);
    if (name !== undefined) query.set("fieldSelector", `metadata.name=${name}`);
    return watch(this.#watching, type, namespace, query, acceptedForm(request.header("accept")));
  }

  #list(request: AdmittedRequest, type: ResourceType, namespace: string | undefined): Answer {
    const form = acceptedForm(request.header("accept"));
    const { objects, metadata } = listPage(this.#registry.store, type, namespace, request.query);
    return json(200, representList(type, objects, metadata, form, request.query, this.#now()));
  }

  async #create(request: AdmittedRequest, type: ResourceType, namespace: string | undefined): Promise<Answer> {
    const body = await readBody(request, this.#protobuf);
    if (body === undefined) throw badRequest("the body of the request holds no object");
    // Without a namespace in the path, that of the body would be taken for the one of the request.
    if (type.namespaced && namespace === undefined)
      throw badRequest("an empty namespace may not be set during creation");
    const written = this.#registry.create(type, namespace, body, this.#writeOptions(request, type, namespace));
    return this.#written(request, type, written);
  }

  async #deleteCollection(
    request: AdmittedRequest,
    type: ResourceType,
    namespace: string | undefined,
  ): Promise<Answer> {
    if (type.kind === "Namespace") throw methodNotAllowed();
    const options = parseDeleteOptions(await readBody(request, this.#protobuf), request.query);
    const { includes } = parseSelection(type, namespace, request.query);
    const doomed = this.#registry.store.list(type.collection).filter(includes);
    for (const object of doomed) deleteObject(this.#registry, type, object, options);
    const metadata = { resourceVersion: `${this.#registry.store.revision}` };
    return json(200, representList(type, doomed, metadata, "object", request.query, this.#now()));
  }

  #object(
    request: AdmittedRequest,
    type: ResourceType,
    namespace: string | undefined,
    name: string,
  ): Promise<Answer> | Answer {
    switch (request.method) {
      case "GET":
        return this.#answer(request, type, this.#registry.get(type, namespace, name));
      case "PUT":
      case "PATCH":
        return this.#update(request, type, namespace, name, "object");
      case "DELETE":
        return this.#delete(request, type, this.#registry.get(type, namespace, name));
      default:
        throw methodNotAllowed();
    }
  }

  async #update(
    request: AdmittedRequest,
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    part: Part,
  ): Promise<Answer> {
    const options = this.#writeOptions(request, type, namespace);
    if (request.method === "PUT") {
      const body = await readBody(request, this.#protobuf);
      if (body === undefined) throw badRequest("the body of the request holds no object");
      return this.#written(request, type, this.#registry.update(type, namespace, name, body, part, options));
    }
    const patch = await readPatch(request, type);
    return this.#written(request, type, this.#registry.patch(type, namespace, name, patch, part, options));
  }

  async #delete(request: AdmittedRequest, type: ResourceType, found: KubeObject): Promise<Answer> {
    const options = parseDeleteOptions(await readBody(request, this.#protobuf), request.query);
    const { name = "", namespace, uid } = found.metadata;
    // The body was awaited: what the path names may have changed meanwhile.
    const current = this.#registry.get(type, namespace, name);
    const { object, waiting } = deleteObject(this.#registry, type, current, options);
    if (waiting || type.behaviour.returnsDeleted === true) return this.#answer(request, type, object);
    const { group, kind } = resourceOf(type);
    return json(200, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name, ...(group === "" ? {} : { group }), kind, uid },
    });
  }

  #subresource(
    request: AdmittedRequest,
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    subresource: string,
  ): Promise<Answer> | Answer {
    const { method } = request;
    const find = (): KubeObject => this.#registry.get(type, namespace, name);
    if (subresource === "status" && method === "GET") return this.#answer(request, type, find());
    if (subresource === "status" && (method === "PUT" || method === "PATCH"))
      return this.#update(request, type, namespace, name, "status");
    if (subresource === "scale") return this.#scale(request, type, find);
    if (subresource === "finalize" && method === "PUT")
      return readBody(request, this.#protobuf).then((body) =>
        json(200, finalizeNamespace(this.#registry, type, find(), body)),
      );
    if (method !== "POST") throw methodNotAllowed();
    return readBody(request, this.#protobuf).then((body) => {
      if (subresource === "token") return json(201, this.#token(find(), body));
      if (subresource === "binding") bind(this.#registry, type, find(), body);
      else evict(this.#registry, type, find(), body);
      return json(201, success);
    });
  }

  async #scale(request: AdmittedRequest, type: ResourceType, find: () => KubeObject): Promise<Answer> {
    const options = writeOptions(request);
    switch (request.method) {
      case "GET":
        return json(200, representScale(find(), acceptedForm(request.header("accept")), this.#now()));
      case "PUT": {
        const body = await readBody(request, this.#protobuf);
        return json(200, scaleOf(writeScale(this.#registry, type, find(), body, options)));
      }
      case "PATCH": {
        const { body, type: patchType } = await readPatch(request, type);
        const scale = patchedScale(this.#registry, find(), body, patchType);
        return json(200, scaleOf(writeScale(this.#registry, type, find(), scale, options)));
      }
      default:
        throw methodNotAllowed();
    }
  }

  #token(account: KubeObject, body: unknown): JsonMap {
    const request = decode(this.#registry.schemas, tokenRequestSchema, body).object;
    return requestToken(this.#access.tokens, account, request, this.#now());
  }

  #writeOptions(request: AdmittedRequest, type: ResourceType, namespace = ""): WriteOptions {
    const { authorizer } = this.#access;
    const { user } = request;
    const check: WriteOptions["check"] = (object, old) =>
      checkEscalation(authorizer, { user, type, namespace, object, old });
    return { ...writeOptions(request), check };
  }

  #written(request: AdmittedRequest, type: ResourceType, { object, created }: Written): Answer {
    return this.#answer(request, type, object, created ? 201 : 200);
  }

  #answer(request: AdmittedRequest, type: ResourceType, object: KubeObject, status = 200): Answer {
    const form = acceptedForm(request.header("accept"));
    return json(status, represent(type, object, form, request.query, this.#now()));
  }

  #now(): number {
    return this.#registry.clock.now();
  }
}

/** Without a Go type there is nothing that says how lists merge. */
const customPatchTypes = [patchTypes.json, patchTypes.merge, "application/apply-patch+yaml"];

async function readPatch(request: ApiRequest, { custom }: ResourceType): Promise<{ body: unknown; type: PatchType }> {
  const type = mediaType(request);
  if (type.startsWith("application/apply-patch"))
    throw new StatusError(
      415,
      "UnsupportedMediaType",
      "server-side apply is not served here; send a JSON, merge or strategic merge patch",
      {},
    );
  if (custom !== undefined && !customPatchTypes.includes(type)) throw unsupportedMediaType(customPatchTypes);
  if (!isPatchType(type)) throw unsupportedPatchType();
  const text = (await request.body()).toString();
  try {
    return { body: JSON.parse(text), type };
  } catch {
    throw badRequest("invalid JSON patch");
  }
}

const optionKinds: Readonly<Record<string, string>> = { POST: "CreateOptions", PUT: "UpdateOptions" };
const fieldValidations = ["", "Ignore", "Strict", "Warn"];

function writeOptions({ method, query, warn }: AdmittedRequest): WriteOptions {
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  const fieldValidation = query.get("fieldValidation") ?? "";
  const errors = [
    ...(dryRun.every((value) => value === "All") ? [] : [notSupported("dryRun", dryRun, ["All"])]),
    ...(fieldValidations.includes(fieldValidation)
      ? []
      : [notSupported("fieldValidation", fieldValidation, fieldValidations)]),
  ];
  if (errors.length > 0) throw invalidOptions(optionKinds[method] ?? "PatchOptions", errors);
  // Without a word from the client, unknown fields are dropped with a warning.
  return { dryRun: dryRun.length > 0, fieldValidation: (fieldValidation || "Warn") as FieldValidation, warn };
}
