import type { V1OwnerReference } from "@kubernetes/client-node";
import { deleteObject, foregroundFinalizer, orphanFinalizer } from "./deletion.ts";
import { asMap, type KubeObject, keyOf, storageKey } from "./object.ts";
import { isGone, type Registry } from "./registry.ts";
import type { ResourceType } from "./resource-type.ts";
import type { Change } from "./store.ts";
import type { TypeTable } from "./type-table.ts";

/**
 * What happens to others when an object goes: dependents follow their owners (background, foreground, orphan), and
 * a terminating namespace is emptied and then removed. Works after the write that caused it, never inside it.
 */
export class Collector implements Disposable {
  readonly #registry: Registry;
  readonly #types: TypeTable;
  readonly #subscription: Disposable;
  /** Owner UID -> keys (`collection namespace/name`) of its dependents. */
  readonly #dependents = new Map<string, Set<string>>();
  /** UID -> namespace of every object; undefined for one of the cluster. */
  readonly #homes = new Map<string, string | undefined>();
  readonly #queue = new Set<string>();
  #scheduled: NodeJS.Immediate | undefined;

  constructor(registry: Registry, types: TypeTable) {
    this.#registry = registry;
    this.#types = types;
    for (const collection of registry.store.collections())
      for (const object of registry.store.list(collection)) this.#learn(collection, object);
    this.#subscription = registry.store.subscribeAll((change) => this.#observe(change));
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
  }

  #observe(change: Change): void {
    const { collection, before, object, deleted } = change;
    if (before !== undefined) this.#forget(collection, before);
    if (deleted) this.#removed(object);
    else this.#learn(collection, object);
  }

  #learn(collection: string, object: KubeObject): void {
    const { uid = "", deletionTimestamp } = object.metadata;
    this.#homes.set(uid, object.metadata.namespace);
    const key = `${collection} ${keyOf(object)}`;
    for (const { uid } of owners(object)) {
      const found = this.#dependents.get(uid) ?? new Set();
      this.#dependents.set(uid, found.add(key));
    }
    if (deletionTimestamp !== undefined || owners(object).length > 0) this.#enqueue(key);
  }

  #forget(collection: string, object: KubeObject): void {
    for (const { uid } of owners(object)) {
      const found = this.#dependents.get(uid);
      found?.delete(`${collection} ${keyOf(object)}`);
      if (found?.size === 0) this.#dependents.delete(uid);
    }
  }

  /** An object has gone: look again at its dependents, its owners and its namespace. */
  #removed(object: KubeObject): void {
    const { uid = "", namespace } = object.metadata;
    this.#homes.delete(uid);
    for (const key of this.#dependents.get(uid) ?? []) this.#enqueue(key);
    for (const owner of owners(object)) {
      const type = this.#types.all.find(({ kind, view }) => kind === owner.kind && view === undefined);
      if (type !== undefined)
        this.#enqueue(`${type.collection} ${storageKey(type.namespaced ? namespace : undefined, owner.name)}`);
    }
    if (namespace !== undefined) this.#enqueue(`namespaces ${storageKey(undefined, namespace)}`);
  }

  #enqueue(key: string): void {
    this.#queue.add(key);
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      const keys = [...this.#queue];
      this.#queue.clear();
      for (const each of keys) this.#reconcile(each);
    });
  }

  #reconcile(queued: string): void {
    const [collection = "", key = ""] = queued.split(" ");
    const type = this.#types.ofCollection(collection);
    const object = this.#registry.store.get(collection, key);
    if (type === undefined || object === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) {
      this.#finish(type, object);
      return;
    }
    const references = owners(object);
    const absent = references.filter(({ uid }) => !this.#mayOwn(uid, object));
    if (references.length > 0 && absent.length === references.length)
      deleteObject(this.#registry, type, object, { propagationPolicy: "Background", dryRun: false });
    else if (absent.length > 0) this.#dropOwners(type, object, new Set(absent.map(({ uid }) => uid)));
  }

  /** Whether there is such an owner, and not in another namespace. */
  #mayOwn(uid: string, { metadata: { namespace } }: KubeObject): boolean {
    const home = this.#homes.get(uid);
    return this.#homes.has(uid) && (home === undefined || home === namespace);
  }

  /** Does what the finalizers of a terminating object wait for, if it can be done now. */
  #finish(type: ResourceType, object: KubeObject): void {
    const { finalizers = [], uid = "" } = object.metadata;
    if (type.kind === "Namespace") this.#emptyNamespace(type, object);
    else if (finalizers.includes(orphanFinalizer)) {
      for (const [dependentType, dependent] of this.#dependentsOf(uid))
        this.#dropOwners(dependentType, dependent, new Set([uid]));
      this.#release(type, object, orphanFinalizer);
    } else if (finalizers.includes(foregroundFinalizer)) {
      const dependents = this.#dependentsOf(uid);
      for (const [dependentType, dependent] of dependents)
        if (dependent.metadata.deletionTimestamp === undefined)
          deleteObject(this.#registry, dependentType, dependent, { propagationPolicy: "Foreground", dryRun: false });
      const blocks = (dependent: KubeObject): boolean =>
        owners(dependent).some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
      if (!this.#dependentsOf(uid).some(([, dependent]) => blocks(dependent)))
        this.#release(type, object, foregroundFinalizer);
    }
  }

  #dependentsOf(uid: string): [ResourceType, KubeObject][] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((queued) => {
      const [collection = "", key = ""] = queued.split(" ");
      const type = this.#types.ofCollection(collection);
      const object = this.#registry.store.get(collection, key);
      return type === undefined || object === undefined ? [] : [[type, object] as [ResourceType, KubeObject]];
    });
  }

  #dropOwners(type: ResourceType, object: KubeObject, uids: ReadonlySet<string>): void {
    const { ownerReferences: _, ...metadata } = object.metadata;
    const kept = owners(object).filter(({ uid }) => !uids.has(uid));
    const next = { ...object, metadata: { ...metadata, ...(kept.length === 0 ? {} : { ownerReferences: kept }) } };
    this.#registry.store.put(type.collection, next);
  }

  #release(type: ResourceType, object: KubeObject, finalizer: string): void {
    const { finalizers = [], ...metadata } = object.metadata;
    const kept = finalizers.filter((name) => name !== finalizer);
    this.#store(type, {
      ...object,
      metadata: { ...metadata, ...(kept.length === 0 ? {} : { finalizers: kept }) },
    });
  }

  #store(type: ResourceType, object: KubeObject): void {
    if (isGone(object)) this.#registry.store.remove(type.collection, keyOf(object));
    else this.#registry.store.put(type.collection, object);
  }

  #emptyNamespace(type: ResourceType, namespace: KubeObject): void {
    const name = namespace.metadata.name ?? "";
    const contents = this.#types.all
      .filter(({ namespaced, view }) => namespaced && view === undefined)
      .flatMap((each) =>
        this.#registry.store
          .list(each.collection)
          .filter(({ metadata }) => metadata.namespace === name)
          .map((object) => [each, object] as const),
      );
    for (const [each, object] of contents)
      if (object.metadata.deletionTimestamp === undefined)
        deleteObject(this.#registry, each, object, { propagationPolicy: "Background", dryRun: false });
    const isEmpty = contents.every(
      ([each, object]) => this.#registry.store.get(each.collection, keyOf(object)) === undefined,
    );
    if (isEmpty && (asMap(namespace["spec"])["finalizers"] as string[] | undefined)?.includes("kubernetes") === true)
      this.#store(type, { ...namespace, spec: {} });
  }
}

function owners({ metadata }: KubeObject): readonly V1OwnerReference[] {
  return metadata.ownerReferences ?? [];
}
