import { randomUUID } from "node:crypto";
import type { Clock, Random } from "../../src/base/index.ts";
import { DecodeError, decode } from "./decode.ts";
import { type FieldError, invalid } from "./field-error.ts";
import {
  cleanMetadata,
  dropRepeatedOwners,
  generatedName,
  inheritMetadata,
  metadataChangeErrors,
  metadataErrors,
} from "./metadata.ts";
import { asList, asMap, asText, type KubeObject, keyOf, sameJson, storageKey, timestamp } from "./object.ts";
import { type PatchType, patched } from "./patch/index.ts";
import { apiVersionOf, type ResourceType, resourceOf } from "./resource-type.ts";
import type { Schemas } from "./schema.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalidObject,
  modified,
  noKind,
  notFound,
  wrongVersion,
} from "./status.ts";
import type { Store } from "./store.ts";

export type FieldValidation = "Ignore" | "Warn" | "Strict";

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** Hears what is accepted but most likely not meant, also of a write that is refused later. */
  readonly warn: (text: string) => void;
  /** Asked before a write is judged; throws when it may not be, whatever else is wrong with it. */
  readonly check?: (object: KubeObject, old: KubeObject | undefined) => void;
}

export interface Written {
  readonly object: KubeObject;
  /** Whether the object is new. */
  readonly created: boolean;
}

export interface RegistryOptions {
  readonly store: Store;
  readonly schemas: Schemas;
  readonly clock: Clock;
  readonly random: Random;
}

/** Which part of an object an update may touch. */
export type Part = "object" | "status";

/**
 * Reads and writes of stored objects under the rules of kube-apiserver: decode, default, allocate, validate, store.
 * Objects are in their stored form here; views are the HTTP layer's.
 */
export class Registry {
  readonly store: Store;
  readonly schemas: Schemas;
  readonly clock: Clock;
  readonly #random: Random;

  constructor({ store, schemas, clock, random }: RegistryOptions) {
    this.store = store;
    this.schemas = schemas;
    this.clock = clock;
    this.#random = random;
  }

  find(type: ResourceType, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.store.get(type.collection, storageKey(namespace, name));
  }

  get(type: ResourceType, namespace: string | undefined, name: string): KubeObject {
    const found = this.find(type, namespace, name);
    if (found === undefined) throw notFound(resourceOf(type), name);
    return found;
  }

  create(type: ResourceType, namespace: string | undefined, body: unknown, options: WriteOptions): Written {
    return this.#insert(type, namespace, this.#decoded(type, body, options), options);
  }

  /** A body as an object of its type, as far as types go. */
  read(type: ResourceType, body: unknown, options: WriteOptions): KubeObject {
    return this.#decoded(type, body, options);
  }

  #insert(
    type: ResourceType,
    namespace: string | undefined,
    object: KubeObject,
    { dryRun, check, warn }: WriteOptions,
  ): Written {
    type.behaviour.default?.(object);
    check?.(object, undefined);
    const { metadata } = object;
    this.#checkNamespace(metadata.namespace, namespace);
    if (Number(metadata.resourceVersion ?? 0) > 0)
      throw wrongVersion("resourceVersion should not be set on objects to be created");
    if (namespace !== undefined) metadata.namespace = namespace;
    if ((metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "")
      metadata.name = this.#freeName(type, namespace, metadata.generateName ?? "");
    if (type.namespaced) this.#checkNamespaceAccepts(type, metadata.name ?? "", namespace ?? "");
    metadata.uid = randomUUID();
    metadata.creationTimestamp = timestamp(this.clock.now());
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    if (type.behaviour.isNewGeneration !== undefined) metadata.generation = 1;

    this.#default(type, object);
    type.behaviour.allocate?.(object, undefined, dryRun);
    type.behaviour.prepareCreate?.(object);
    this.#default(type, object);
    this.#refuse(type, object, [
      ...metadataErrors(type, object),
      ...(type.behaviour.validate?.(object, undefined) ?? []),
      ...(type.view?.validate(object, undefined) ?? []),
    ]);
    type.behaviour.warnings?.(object, undefined).forEach(warn);
    const existing = this.find(type, namespace, metadata.name ?? "");
    if (existing !== undefined)
      throw alreadyExists(
        resourceOf(type),
        metadata.name ?? "",
        existing.metadata.deletionTimestamp === undefined ? "" : "object is being deleted: ",
      );
    const stored = dryRun ? object : this.store.put(type.collection, object);
    return { object: stored, created: true };
  }

  #freeName(type: ResourceType, namespace: string | undefined, prefix: string): string {
    for (let attempt = 0; attempt < 8; attempt++) {
      const name = generatedName(prefix, this.#random);
      if (this.find(type, namespace, name) === undefined) return name;
    }
    throw alreadyExists(resourceOf(type), prefix);
  }

  update(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    body: unknown,
    part: Part,
    options: WriteOptions,
  ): Written {
    const object = this.#decoded(type, body, options);
    this.#checkNamespace(object.metadata.namespace, namespace);
    this.#checkName(object.metadata.name, name);
    const old = this.find(type, namespace, name);
    const { uid = "" } = object.metadata;
    if (old !== undefined && uid !== "" && uid !== old.metadata.uid)
      throw conflict(
        resourceOf(type),
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
      );
    if (old !== undefined) {
      options.check?.(object, old);
      return this.replace(type, old, object, part, options);
    }
    if (part === "status" || type.behaviour.createsOnUpdate !== true) throw notFound(resourceOf(type), name);
    delete object.metadata.resourceVersion;
    return this.#insert(type, namespace, object, options);
  }

  patch(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    patch: { readonly body: unknown; readonly type: PatchType },
    part: Part,
    options: WriteOptions,
  ): Written {
    const old = this.get(type, namespace, name);
    const shown = type.view?.fromStored(old) ?? old;
    const target = { ...shown, apiVersion: apiVersionOf(type), kind: type.kind };
    const result = patched(this.schemas, type.schema, target, patch.body, patch.type);
    const object = this.#decoded(type, result, options, true);
    this.#checkNamespace(object.metadata.namespace, namespace);
    this.#checkName(object.metadata.name, name);
    options.check?.(object, old);
    return this.replace(type, old, object, part, options);
  }

  /** Stores `incoming` in place of `old`, as far as `part` allows; what nothing changes is not written. */
  replace(
    type: ResourceType,
    old: KubeObject,
    incoming: KubeObject,
    part: Part,
    { dryRun, warn }: Pick<WriteOptions, "dryRun" | "warn">,
  ): Written {
    const { behaviour } = type;
    this.#checkPreconditions(type, old, incoming);
    const hasStatus = type.subresources.includes("status");
    const next: KubeObject =
      part === "status"
        ? { ...structuredClone(old), metadata: incoming.metadata, status: incoming["status"] ?? {} }
        : { ...incoming, ...(hasStatus ? { status: structuredClone(old["status"]) } : {}) };
    const { deletionTimestamp } = incoming.metadata;
    inheritMetadata(next, old);
    this.#default(type, next);
    if (part === "object") {
      behaviour.allocate?.(next, old, dryRun);
      behaviour.prepareUpdate?.(next, old);
    } else behaviour.prepareStatus?.(next, incoming, old);
    this.#refuse(type, next, [
      ...metadataErrors(type, next),
      ...metadataChangeErrors(next, old, deletionTimestamp),
      ...((part === "status" ? behaviour.validateStatus?.(next, old) : behaviour.validate?.(next, old)) ?? []),
      ...(type.view?.validate(next, old) ?? []),
    ]);
    if (behaviour.isNewGeneration?.(next, old) === true) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    (part === "status" ? behaviour.statusWarnings?.(next) : behaviour.warnings?.(next, old))?.forEach(warn);
    if (sameJson(next, old)) return { object: old, created: false };
    if (dryRun) return { object: next, created: false };
    if (isGone(next)) {
      // Nobody sees the last update: the object goes as it was.
      this.store.remove(type.collection, keyOf(next));
      return { object: next, created: false };
    }
    return { object: this.store.put(type.collection, next), created: false };
  }

  #checkPreconditions(type: ResourceType, old: KubeObject, { metadata }: KubeObject): void {
    const name = old.metadata.name ?? "";
    const version = metadata.resourceVersion ?? "";
    if (!/^\d*$/.test(version)) throw wrongVersion(`strconv.ParseUint: parsing "${version}": invalid syntax`);
    if (version === "" && type.behaviour.needsResourceVersion === true)
      throw invalidObject(resourceOf(type), name, [
        invalid("metadata.resourceVersion", 0, "must be specified for an update"),
      ]);
    if (version !== "" && version !== "0" && version !== old.metadata.resourceVersion)
      throw modified(resourceOf(type), name);
  }

  /** A body of the wire as a stored object; unknown fields are refused, warned of, or dropped. */
  #decoded(type: ResourceType, body: unknown, { fieldValidation, warn }: WriteOptions, isPatch = false): KubeObject {
    const apiVersion = apiVersionOf(type);
    const refused = (why: string, kind = type.kind): Error =>
      isPatch
        ? invalidObject(noKind, "", [invalid("patch", JSON.stringify(body), why)])
        : badRequest(`${kind} in version "${type.version}" cannot be handled as a ${type.kind}: ${why}`);
    const sent = kindOf(body, type);
    if (type.custom === undefined && (sent.apiVersion !== apiVersion || sent.kind !== type.kind))
      throw refused(
        `converting (${goName(sent)}) to (${type.group.split(".")[0] || "core"}.${type.kind}): unknown conversion`,
        sent.kind,
      );
    try {
      const { object, unknown } = type.custom?.decode(body, isPatch) ?? decode(this.schemas, type.schema, body);
      const found = unknown.map((field) => `unknown field "${field}"`);
      if (found.length > 0 && fieldValidation === "Strict") throw refused(`strict decoding error: ${found.join(", ")}`);
      const whole = { ...object, apiVersion, kind: type.kind, metadata: asMap(object["metadata"]) } as KubeObject;
      if (fieldValidation === "Warn") found.forEach(warn);
      dropRepeatedOwners(whole, isPatch).forEach(warn);
      return type.view?.toStored(whole) ?? whole;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw refused(error.message);
    }
  }

  #checkNamespace(inBody: string | undefined, inPath: string | undefined): void {
    if (inBody !== undefined && inBody !== "" && inBody !== inPath)
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }

  #checkName(inBody: string | undefined, inPath: string): void {
    if (inBody !== undefined && inBody !== inPath)
      throw badRequest(`the name of the object (${inBody}) does not match the name on the URL (${inPath})`);
  }

  #checkNamespaceAccepts(type: ResourceType, name: string, namespace: string): void {
    const found = this.store.get("namespaces", storageKey(undefined, namespace));
    if (found === undefined) throw notFound({ group: "", kind: "namespaces" }, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      resourceOf(type),
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: "NamespaceTerminating",
          message: `namespace ${namespace} is being terminated`,
          field: "metadata.namespace",
        },
      ],
    );
  }

  #default(type: ResourceType, object: KubeObject): void {
    cleanMetadata(object);
    if (type.view === undefined && type.custom === undefined) this.schemas.applyDefaults(type.schema, object);
    type.behaviour.default?.(object);
    // A view and the stored form share one identity: that of the store.
    if (type.view !== undefined) object.apiVersion = apiVersionOf(type.view.stored);
  }

  #refuse(type: ResourceType, object: KubeObject, errors: readonly FieldError[]): void {
    if (errors.length > 0)
      // An error names the stored form of the kind.
      throw invalidObject(
        { group: type.view?.stored.group ?? type.group, kind: type.kind },
        object.metadata.name ?? "",
        errors,
      );
  }
}

/** What a body says it is; a client may leave it to the path. */
function kindOf(body: unknown, type: ResourceType): { readonly apiVersion: string; readonly kind: string } {
  const { apiVersion, kind } = asMap(body);
  return { apiVersion: asText(apiVersion) || apiVersionOf(type), kind: asText(kind) || type.kind };
}

function goName({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): string {
  return `${apiVersion.slice(apiVersion.indexOf("/") + 1)}.${kind}`;
}

/** Whether a deletion that was waiting has nothing left to wait for. */
export function isGone({ metadata, kind, ...rest }: KubeObject): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  if ((metadata.finalizers ?? []).length > 0 || (metadata.deletionGracePeriodSeconds ?? 0) > 0) return false;
  return kind !== "Namespace" || asList(asMap(rest["spec"])["finalizers"]).length === 0;
}
