import {
  type Node,
  nodes,
  type ObjectMeta,
  type Resource,
  resourcePath,
  type Service,
  services,
} from "../../api/index.ts";
import { onAbort } from "../../base/index.ts";
import { KubeApiError, type KubeClient, type KubeObject, type WatchEvent } from "../../kube/index.ts";

interface Collection {
  readonly objects: Map<string, KubeObject>;
  readonly watchers: Set<(event: WatchEvent<KubeObject>) => void>;
}

interface Key {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

type Client = Pick<KubeClient, "get" | "list" | "listAll" | "create" | "mergePatch" | "delete" | "watch">;

/** An API server in memory as far as the controller sees one: versions, conflicts, finalizers, watches. */
export class FakeApi {
  /** Every write that came through the client, as `services/default/web: {"status":...}`. */
  readonly writes: string[] = [];
  /** Called before each write (`what`: `patch services/status`); may throw or change objects, as another client would. */
  onWrite: (name: string, body: object, what: string) => void | Promise<void> = () => {};
  /** Plurals of the kinds that it does not serve. */
  readonly missing: Set<string> = new Set();
  /** Plurals of the kinds that the client may not list and watch. */
  readonly unreadable: Set<string> = new Set();
  #version = 100;
  readonly #collections = new Map<string, Collection>();

  readonly client: Client = {
    get: async <T extends KubeObject>(resource: Resource<T>, at: Key) => this.#read(resource, keyOf(at)) as T,
    list: async <T extends KubeObject>(resource: Resource<T>) => this.#page(resource),
    listAll: async <T extends KubeObject>(resource: Resource<T>) => this.#page(resource),
    watch: (path, _, signal) => this.#watch(path, signal) as AsyncIterable<WatchEvent<never>>,
    create: async <T extends KubeObject>(resource: Resource<T>, object: T) => {
      const key = keyOf(object.metadata);
      this.#mustServe(resource.plural);
      await this.onWrite(key, object, `create ${resource.plural}`);
      if (this.#of(resource).objects.has(key))
        throw new KubeApiError({ code: 409, reason: "AlreadyExists", message: `${key} already exists` });
      this.writes.push(`${resource.plural}/${key}: ${JSON.stringify(object)}`);
      const metadata = { uid: `uid-${this.#version}`, ...object.metadata };
      return this.#store(resource, key, { ...object, metadata }) as T;
    },
    mergePatch: async <T extends KubeObject>(
      resource: Resource<T>,
      { metadata }: KubeObject,
      body: object,
      _: AbortSignal,
      at?: { readonly subresource?: string },
    ) => {
      const key = keyOf(metadata);
      const part = at?.subresource === undefined ? "" : `/${at.subresource}`;
      await this.onWrite(key, body, `patch ${resource.plural}${part}`);
      const current = this.#read(resource, key);
      if (current.metadata.resourceVersion !== metadata.resourceVersion)
        throw new KubeApiError({ code: 409, reason: "Conflict", message: `${key}: the object has been modified` });
      this.writes.push(`${resource.plural}/${key}: ${JSON.stringify(body)}`);
      return this.#store(resource, key, mergePatch(current, body) as KubeObject) as T;
    },
    delete: async (resource, { namespace, name }, _, options) => {
      const key = keyOf({ namespace, name });
      await this.onWrite(key, {}, `delete ${resource.plural}`);
      const current = this.#read(resource, key);
      if (options?.uid !== undefined && current.metadata.uid !== options.uid)
        throw new KubeApiError({ code: 409, reason: "Conflict", message: `${key}: the UID is another` });
      this.writes.push(`delete ${resource.plural}/${key}`);
      this.#remove(resource, key);
    },
  };

  #page<T extends KubeObject>(resource: Resource<T>): { items: T[]; resourceVersion: string } {
    this.#mustServe(resource.plural);
    this.#mayRead(resource.plural);
    return { items: [...this.#of(resource).objects.values()] as T[], resourceVersion: `${this.#version}` };
  }

  service(name: string): Service | undefined {
    return this.object(services, `default/${name}`);
  }

  node(name: string): Node | undefined {
    return this.object(nodes, name);
  }

  createService(name: string, spec: Service["spec"] = {}, metadata: ObjectMeta = {}): Service {
    return this.put(services, {
      metadata: { name, namespace: "default", uid: `uid-${name}`, ...metadata },
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "berth.dev/memory",
        ipFamilies: ["IPv4"],
        ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30_080 }],
        ...spec,
      },
      status: { loadBalancer: {} },
    });
  }

  createNode(name: string, metadata: ObjectMeta = {}): Node {
    const number = Number(name.replace(/\D/g, ""));
    return this.put(nodes, {
      metadata: { name, uid: `uid-${name}`, ...metadata },
      status: { addresses: [{ type: "InternalIP", address: `10.1.${number >> 8}.${number & 255}` }] },
    });
  }

  updateService(name: string, patch: object): void {
    const key = `default/${name}`;
    this.#store(services, key, mergePatch(this.#read(services, key), patch) as KubeObject);
  }

  updateNode(name: string, patch: object): void {
    this.#store(nodes, name, mergePatch(this.#read(nodes, name), patch) as KubeObject);
  }

  deleteNode(name: string): void {
    this.#remove(nodes, name);
  }

  /** As `kubectl delete` without waiting. */
  deleteService(name: string): void {
    this.updateService(name, { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } });
  }

  /** Makes or replaces an object, as another client would. */
  put<T extends KubeObject>(resource: Resource<T>, object: T): T {
    return this.#store(resource, keyOf(object.metadata), object) as T;
  }

  /** `key`: the name, behind `namespace/` if there is one. */
  object<T extends KubeObject>(resource: Resource<T>, key: string): T | undefined {
    return this.#of(resource).objects.get(key) as T | undefined;
  }

  remove(resource: Resource<unknown>, key: string): void {
    this.#remove(resource, key);
  }

  #of(resource: Resource<unknown>): Collection {
    return this.#at(resourcePath(resource));
  }

  #at(path: string): Collection {
    const known = this.#collections.get(path) ?? { objects: new Map(), watchers: new Set() };
    this.#collections.set(path, known);
    return known;
  }

  #mustServe(plural: string): void {
    if (this.missing.has(plural))
      throw new KubeApiError({ code: 404, reason: "NotFound", message: "the server could not find the resource" });
  }

  #mayRead(plural: string): void {
    if (this.unreadable.has(plural))
      throw new KubeApiError({ code: 403, reason: "Forbidden", message: `you may not list ${plural}` });
  }

  #read(resource: Resource<unknown>, key: string): KubeObject {
    const found = this.#of(resource).objects.get(key);
    if (found === undefined)
      throw new KubeApiError({
        code: 404,
        reason: "NotFound",
        message: `${key} not found`,
        details: { name: key, kind: resource.plural },
      });
    return found;
  }

  #store(resource: Resource<unknown>, key: string, object: KubeObject): KubeObject {
    const { objects, watchers } = this.#of(resource);
    const known = objects.has(key);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: `${++this.#version}` } };
    objects.set(key, stored);
    const { deletionTimestamp, finalizers = [] } = stored.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.#remove(resource, key);
    else for (const watcher of watchers) watcher({ type: known ? "MODIFIED" : "ADDED", object: stored });
    return stored;
  }

  #remove(resource: Resource<unknown>, key: string): void {
    const { objects, watchers } = this.#of(resource);
    const last = this.#read(resource, key);
    objects.delete(key);
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: `${++this.#version}` } };
    for (const watcher of watchers) watcher({ type: "DELETED", object });
  }

  async *#watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
    const last = path.slice(path.lastIndexOf("/") + 1);
    this.#mustServe(last);
    this.#mayRead(last);
    const [, root, namespace, plural] = /^(.*)\/namespaces\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const { objects, watchers } = this.#at(root === undefined ? path : `${root}/${plural}`);
    const isWanted = ({ metadata }: KubeObject): boolean => namespace === undefined || metadata.namespace === namespace;
    const events: WatchEvent<KubeObject>[] = [...objects.values()]
      .filter(isWanted)
      .map((object) => ({ type: "ADDED", object }));
    const annotations = { "k8s.io/initial-events-end": "true" };
    events.push({ type: "BOOKMARK", object: { metadata: { resourceVersion: `${this.#version}`, annotations } } });
    let wake: () => void = () => {};
    const watcher = (event: WatchEvent<KubeObject>): void => {
      if (!isWanted(event.object)) return;
      events.push(event);
      wake();
    };
    watchers.add(watcher);
    using _ = onAbort(signal, () => wake());
    try {
      while (!signal.aborted) {
        const event = events.shift();
        if (event !== undefined) yield event;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
      throw signal.reason;
    } finally {
      watchers.delete(watcher);
    }
  }
}

function keyOf({ namespace, name = "" }: Key): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(typeof target === "object" && target !== null ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}
