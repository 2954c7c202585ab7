import type { KubeObject } from "../client.ts";

interface Change<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

/** Takes what a watch is told. */
export type Send = (event: { readonly type: string; readonly object: KubeObject }) => void;

/** The objects of one kind, with versions and a history for watches. */
export class Collection<T extends KubeObject = KubeObject> {
  #version = 100;
  #objects = new Map<string, T>();
  #history: Change<T>[] = [];
  /** What lists that are read page by page began with, by their version. */
  readonly #listed = new Map<number, T[]>();
  readonly #senders = new Set<Send>();
  /** Watches from before this version are told that it is gone. */
  oldest = 0;

  get version(): string {
    return String(this.#version);
  }

  /** Watches that are open. */
  get watchers(): number {
    return this.#senders.size;
  }

  isCollection(path: string): boolean {
    return /^\/apis?\/.*\/(services|leases|events)$|^\/api\/v1\/services$/.test(path);
  }

  get(name: string): T | undefined {
    return this.#objects.get(name);
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  put(object: T): T {
    const name = object.metadata.name ?? "";
    const before = this.#objects.get(name);
    const metadata = {
      namespace: "default",
      ...object.metadata,
      uid: before?.metadata.uid ?? `uid-${this.#version + 1}`,
      resourceVersion: String(++this.#version),
    };
    const stored = { ...object, metadata } as T;
    this.#objects.set(name, stored);
    this.#tell({ type: before === undefined ? "ADDED" : "MODIFIED", object: stored });
    return stored;
  }

  delete(name: string): T | undefined {
    const before = this.#objects.get(name);
    if (before === undefined) return undefined;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.delete(name);
    this.#tell({ type: "DELETED", object });
    return object;
  }

  /** Forgets history, as etcd compaction does. */
  compact(): void {
    this.oldest = this.#version;
    this.#history = [];
  }

  bookmark(annotations: Record<string, string> = {}, send?: Send): void {
    const event = { type: "BOOKMARK", object: { metadata: { resourceVersion: this.version, annotations } } };
    for (const watcher of send === undefined ? this.#senders : [send]) watcher(event);
  }

  /** One page and its code. The token is where the last page ended, and at which version the list began. */
  page(limit: number, token: string | null): [number, object] {
    const [offset = 0, version = this.#version] = (token ?? "").split("@").filter(Boolean).map(Number);
    if (version < this.oldest) return [410, { kind: "Status", code: 410, reason: "Expired" }];
    // All pages of a list are of one moment.
    const all = this.#listed.get(version) ?? this.all();
    const items = all.slice(offset, limit > 0 ? offset + limit : undefined);
    const next = offset + items.length;
    const more = next < all.length ? { continue: `${next}@${version}` } : {};
    if (next < all.length) this.#listed.set(version, all);
    return [200, { metadata: { resourceVersion: String(version), ...more }, items }];
  }

  /** From a version on, or from the full state. */
  watch(from: number | undefined, send: Send): () => void {
    if (from === undefined) {
      for (const object of this.all()) send({ type: "ADDED", object });
      this.bookmark({ "k8s.io/initial-events-end": "true" }, send);
    } else for (const change of this.#history) if (Number(change.object.metadata.resourceVersion) > from) send(change);
    this.#senders.add(send);
    return () => void this.#senders.delete(send);
  }

  #tell(change: Change<T>): void {
    this.#history.push(change);
    for (const watcher of this.#senders) watcher(change);
  }
}
