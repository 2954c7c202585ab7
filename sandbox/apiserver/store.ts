import { type KubeObject, keyOf } from "./object.ts";

/** One write to one object. A deletion carries the last state, with the revision of the deletion. */
export interface Change {
  readonly collection: string;
  readonly key: string;
  readonly revision: number;
  readonly before: KubeObject | undefined;
  readonly object: KubeObject;
  readonly deleted: boolean;
}

/** The revision that was asked for lies before what the history still holds. */
export class ExpiredError extends Error {
  override readonly name = "ExpiredError";
  readonly oldest: number;

  constructor(requested: number, oldest: number) {
    super(`too old resource version: ${requested} (${oldest})`);
    this.oldest = oldest;
  }
}

class Collection {
  readonly objects = new Map<string, KubeObject>();
  readonly listeners = new Set<(change: Change) => void>();
  /** Oldest first. */
  history: Change[] = [];
  /** Changes up to this revision are no longer held. */
  forgotten: number;
  sorted: readonly KubeObject[] | undefined;

  constructor(forgotten: number) {
    this.forgotten = forgotten;
  }
}

/** What a snapshot file holds of the store. */
export interface StoreState {
  readonly revision: number;
  readonly collections: Readonly<Record<string, readonly KubeObject[]>>;
}

/**
 * All objects, each immutable, under one revision counter, and a bounded history of changes per collection: enough
 * to resume a watch and to list the past. Everything happens synchronously, so a write is atomic.
 */
export class Store {
  readonly #collections = new Map<string, Collection>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #historyLimit: number;
  readonly #start: number;
  #revision: number;

  constructor(historyLimit: number, state: StoreState = { revision: 0, collections: {} }) {
    this.#historyLimit = historyLimit;
    this.#start = state.revision;
    this.#revision = state.revision;
    for (const [name, objects] of Object.entries(state.collections))
      for (const object of objects) this.#collection(name).objects.set(keyOf(object), object);
  }

  get revision(): number {
    return this.#revision;
  }

  state(): StoreState {
    const collections = [...this.#collections.keys()].toSorted().map((name) => [name, this.list(name)] as const);
    return { revision: this.#revision, collections: Object.fromEntries(collections) };
  }

  get(collection: string, key: string): KubeObject | undefined {
    return this.#collection(collection).objects.get(key);
  }

  /** Sorted by key. */
  list(collection: string): readonly KubeObject[] {
    const found = this.#collection(collection);
    found.sorted ??= [...found.objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    return found.sorted;
  }

  /** As the collection was when `revision` was the newest; throws ExpiredError when that is forgotten. */
  listAt(collection: string, revision: number): readonly KubeObject[] {
    const later = this.changesSince(collection, revision);
    if (later.length === 0) return this.list(collection);
    const objects = new Map(this.#collection(collection).objects);
    for (const { key, before } of later.toReversed()) {
      if (before === undefined) objects.delete(key);
      else objects.set(key, before);
    }
    return [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Oldest first; throws ExpiredError when not all of them are still held. */
  changesSince(collection: string, revision: number): readonly Change[] {
    const { forgotten, history } = this.#collection(collection);
    if (revision < forgotten) throw new ExpiredError(revision, forgotten);
    let first = history.length;
    while (first > 0 && (history[first - 1]?.revision ?? 0) > revision) first--;
    return history.slice(first);
  }

  put(collection: string, object: KubeObject): KubeObject {
    const found = this.#collection(collection);
    const key = keyOf(object);
    const before = found.objects.get(key);
    const stored = this.#stamp(object);
    found.objects.set(key, stored);
    this.#record(found, {
      collection,
      key,
      revision: this.#revision,
      before,
      object: stored,
      deleted: false,
    });
    return stored;
  }

  remove(collection: string, key: string): KubeObject | undefined {
    const found = this.#collection(collection);
    const before = found.objects.get(key);
    if (before === undefined) return undefined;
    found.objects.delete(key);
    const last = this.#stamp(before);
    this.#record(found, { collection, key, revision: this.#revision, before, object: last, deleted: true });
    return last;
  }

  /** Calls back for every change of the collection, in order, before the write returns. */
  subscribe(collection: string, listener: (change: Change) => void): Disposable {
    const { listeners } = this.#collection(collection);
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** As `subscribe`, for every collection; called before the collection's own listeners. */
  subscribeAll(listener: (change: Change) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  collections(): readonly string[] {
    return [...this.#collections.keys()];
  }

  #collection(name: string): Collection {
    let found = this.#collections.get(name);
    if (found === undefined) {
      found = new Collection(this.#start);
      this.#collections.set(name, found);
    }
    return found;
  }

  #stamp(object: KubeObject): KubeObject {
    this.#revision += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#revision}` } };
  }

  #record(collection: Collection, change: Change): void {
    collection.sorted = undefined;
    collection.history.push(change);
    // Dropping a half at a time keeps the cost of a write constant.
    if (collection.history.length > 2 * this.#historyLimit) {
      const kept = collection.history.slice(-this.#historyLimit);
      collection.forgotten = collection.history.at(-this.#historyLimit - 1)?.revision ?? collection.forgotten;
      collection.history = kept;
    }
    for (const listener of this.#listeners) listener(change);
    for (const listener of collection.listeners) listener(change);
  }
}
