import { isDeepStrictEqual } from "node:util";
import { objectKey } from "../api/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import type { KubeObject } from "./client.ts";
import { counter, gauge } from "./instruments.ts";
import { isAtLeast } from "./resource-version.ts";

/** What happens to one object. A handler that throws is logged and counted; nobody else notices. */
export interface StoreHandler<T> {
  /** `initial`: the object was there before we looked, so that its work may wait for what happens now. */
  add?(object: T, initial: boolean): void;
  update?(before: T, after: T): void;
  /** With the last state that was seen. */
  delete?(last: T): void;
}

/** Index values of an object, as the Service name that a slice belongs to. */
export type Index<T> = (object: T) => readonly string[];

export interface StoreOptions<T, I extends string> {
  /** The kind, for log lines and metrics. */
  readonly kind: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly indexes?: Readonly<Record<I, Index<T>>>;
}

/**
 * The last known state of the objects of one kind, by `namespace/name`. Objects are shared: nobody changes one.
 * An own write is laid over what the watch has delivered so far, so that nobody decides on a state before it.
 */
export class Store<T extends KubeObject, I extends string = never> {
  readonly kind: string;
  /** Resolves when the first full state is in and every handler has seen it. */
  readonly synced: Promise<void>;
  readonly #resolveSynced: () => void;
  #hasSynced = false;
  /** What everybody sees: the watch's state with own newer writes over it. */
  readonly #objects = new Map<string, T>();
  /** Keys whose object is an own write that the watch has not delivered yet. */
  readonly #overlaid = new Set<string>();
  /** How far the watch has come. */
  #version: string | undefined;
  readonly #indexes: readonly (readonly [I, Index<T>, Map<string, Set<string>>])[];
  readonly #handlers = new Set<StoreHandler<T>>();
  readonly #logger: Logger;
  readonly #countFailure: () => void;
  readonly #showSize: () => void;

  constructor({ kind, logger, metrics, indexes }: StoreOptions<T, I>) {
    this.kind = kind;
    this.#logger = logger.with({ kind });
    this.#indexes = Object.entries<Index<T>>(indexes ?? {}).map(([name, values]) => [name as I, values, new Map()]);
    const failures = counter(metrics, "kube_store_handler_failures_total", "Handlers and index functions that threw.", [
      "kind",
    ]);
    failures.inc({ kind }, 0);
    this.#countFailure = () => failures.inc({ kind });
    const size = gauge(metrics, "kube_store_objects", "Objects in the store.", ["kind"]);
    this.#showSize = () => size.set({ kind }, this.#objects.size);
    ({ promise: this.synced, resolve: this.#resolveSynced } = Promise.withResolvers<void>());
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  byIndex(name: I, value: string): T[] {
    const index = this.#indexes.find(([other]) => other === name);
    return [...(index?.[2].get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Delivers what is there and then every change, until disposed. */
  subscribe(handler: StoreHandler<T>): Disposable {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) this.#call(() => handler.add?.(object, true));
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  /** The full state at `resourceVersion`; what is not in it is deleted. */
  replace(objects: readonly T[], resourceVersion: string): void {
    for (const _ of this.replaceInSteps(objects, resourceVersion));
  }

  /**
   * The same with a step for each object, so that its caller may let others have their turn in between. As when watch
   * events bring the same state, each object is what it was or what it is, and of two of them one may be ahead. If it
   * ends early, what is not done yet is left to the next full state. Reflectors call this.
   */
  *replaceInSteps(objects: readonly T[], resourceVersion: string): Generator<void, void, void> {
    const initial = !this.#hasSynced;
    // Of what was written to a server that has lost versions since, it tells nothing, not even the versions.
    const isPast = isAtLeast(resourceVersion, this.#version ?? "0") === false;
    if (isPast) {
      this.#overlaid.clear();
      this.#version = resourceVersion;
    }
    const present = new Set<string>();
    for (const object of objects) {
      const key = objectKey(object.metadata);
      present.add(key);
      this.#take(key, object, resourceVersion, initial, isPast);
      yield;
    }
    for (const key of this.#objects.keys()) {
      if (present.has(key)) continue;
      this.#drop(key, resourceVersion);
      yield;
    }
    // Not before: an own write that comes between two steps must hold until its object has had its own.
    this.#version = resourceVersion;
    this.#hasSynced = true;
    this.#resolveSynced();
  }

  /** The watch has come as far without a change. Reflectors call this. */
  advance(resourceVersion: string): void {
    this.#version = resourceVersion;
  }

  /** One watch event. Reflectors call this. */
  apply(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void {
    const key = objectKey(object.metadata);
    const { resourceVersion } = object.metadata;
    this.#version = resourceVersion;
    if (type === "DELETED") this.#drop(key, resourceVersion, object);
    else this.#take(key, object, resourceVersion, false);
  }

  /**
   * What the server answered to an own write; holds until the watch has come as far. Ignored when it has already, as
   * the object may even be deleted by then, and when versions cannot be compared.
   */
  overlay(object: T): void {
    const key = objectKey(object.metadata);
    const { resourceVersion } = object.metadata;
    if (isAtLeast(this.#version, resourceVersion) !== false) return;
    if (isAtLeast(this.#objects.get(key)?.metadata.resourceVersion ?? "0", resourceVersion) !== false) return;
    this.#overlaid.add(key);
    this.#set(key, object, false);
  }

  /** Takes a state that holds at `version`, unless an own write is newer than that. */
  #take(key: string, object: T, version: string | undefined, initial: boolean, isPast = false): void {
    if (this.#outrun(key, version)) return;
    this.#overlaid.delete(key);
    this.#set(key, object, initial, isPast);
  }

  #drop(key: string, version: string | undefined, last?: T): void {
    if (this.#outrun(key, version)) return;
    this.#overlaid.delete(key);
    this.#remove(key, last);
  }

  #outrun(key: string, version: string | undefined): boolean {
    return this.#overlaid.has(key) && isAtLeast(version, this.#objects.get(key)?.metadata.resourceVersion) === false;
  }

  /** `isPast`: the version may have been given twice. */
  #set(key: string, object: T, initial: boolean, isPast = false): void {
    const before = this.#objects.get(key);
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) {
      this.#remove(key);
      this.#set(key, object, initial);
      return;
    }
    // The watch caught up with an own write, or a relist brought nothing new.
    const { resourceVersion } = object.metadata;
    const same =
      before !== undefined &&
      resourceVersion !== undefined &&
      before.metadata.resourceVersion === resourceVersion &&
      (!isPast || isDeepStrictEqual(before, object));
    this.#objects.set(key, object);
    this.#reindex(key, before, object);
    this.#showSize();
    if (same) return;
    for (const handler of this.#handlers)
      this.#call(() => (before === undefined ? handler.add?.(object, initial) : handler.update?.(before, object)));
  }

  #remove(key: string, last: T | undefined = this.#objects.get(key)): void {
    const before = this.#objects.get(key);
    if (before === undefined || last === undefined) return;
    this.#objects.delete(key);
    this.#reindex(key, before, undefined);
    this.#showSize();
    for (const handler of this.#handlers) this.#call(() => handler.delete?.(last));
  }

  #reindex(key: string, before: T | undefined, after: T | undefined): void {
    for (const [, values, index] of this.#indexes) {
      const old = this.#valuesOf(values, before);
      const next = this.#valuesOf(values, after);
      for (const value of old) {
        const keys = index.get(value);
        if (next.includes(value) || keys === undefined) continue;
        keys.delete(key);
        if (keys.size === 0) index.delete(value);
      }
      for (const value of next) {
        const keys = index.get(value);
        if (keys === undefined) index.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  }

  /** An index function that throws hides the object from its own index alone. */
  #valuesOf(values: Index<T>, object: T | undefined): readonly string[] {
    if (object === undefined) return [];
    try {
      return values(object);
    } catch (err) {
      this.#fail(err);
      return [];
    }
  }

  #call(deliver: () => unknown): void {
    try {
      const outcome = deliver();
      // The type of a handler lets an async function pass, whose failure would end the process.
      if (outcome instanceof Promise) outcome.catch((err: unknown) => this.#fail(err));
    } catch (err) {
      this.#fail(err);
    }
  }

  #fail(err: unknown): void {
    this.#countFailure();
    this.#logger.error("store handler failed", { err });
  }
}
