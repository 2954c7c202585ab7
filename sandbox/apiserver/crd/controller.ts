import { deleteObject } from "../deletion.ts";
import { sameJson, timestamp } from "../object.ts";
import type { Registry } from "../registry.ts";
import type { ResourceType } from "../resource-type.ts";
import type { Change } from "../store.ts";
import type { TypeTable } from "../type-table.ts";
import { customTypes } from "./custom-type.ts";
import { cleanupFinalizer, type Definition, definitions } from "./definition.ts";
import { statusOf } from "./names.ts";

/**
 * The life of definitions: gives them their names, serves their kinds, and empties the collection of one that ends.
 * Works after the write that caused it, never inside it; only the table of types changes at once.
 */
export class DefinitionController implements Disposable {
  readonly #registry: Registry;
  readonly #table: TypeTable;
  readonly #subscription: Disposable;
  /** A definition that did not change brings the same types: watches and caches know them. */
  readonly #types = new WeakMap<Definition, readonly ResourceType[]>();
  #scheduled: NodeJS.Immediate | undefined;

  constructor(registry: Registry, table: TypeTable) {
    this.#registry = registry;
    this.#table = table;
    this.#serve();
    this.#schedule();
    this.#subscription = registry.store.subscribeAll((change) => this.#observe(change));
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
  }

  #all(): readonly Definition[] {
    return this.#registry.store.list(definitions) as readonly Definition[];
  }

  #observe({ collection, deleted }: Change): void {
    if (collection === definitions) this.#serve();
    const isLastOfKind = deleted && this.#all().some(({ metadata }) => metadata.name === collection);
    if (collection === definitions || isLastOfKind) this.#schedule();
  }

  #serve(): void {
    this.#table.setCustom(this.#all().flatMap((definition) => this.#typesOf(definition)));
  }

  #typesOf(definition: Definition): readonly ResourceType[] {
    const known = this.#types.get(definition) ?? customTypes(definition, this.#registry.schemas);
    this.#types.set(definition, known);
    return known;
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      for (const definition of this.#all()) this.#reconcile(definition);
    });
  }

  #reconcile(definition: Definition): void {
    if (definition.metadata.deletionTimestamp !== undefined) {
      this.#end(definition);
      return;
    }
    const status = statusOf(definition, this.#all(), timestamp(this.#registry.clock.now()));
    if (!sameJson(status, definition.status)) this.#registry.store.put(definitions, { ...definition, status });
  }

  #end(definition: Definition): void {
    const { store } = this.#registry;
    const { name = "", finalizers = [], ...metadata } = definition.metadata;
    const type = this.#table.ofCollection(name);
    for (const object of type === undefined ? [] : store.list(name))
      if (type !== undefined && object.metadata.deletionTimestamp === undefined)
        deleteObject(this.#registry, type, object, { propagationPolicy: "Background", dryRun: false });
    if (store.list(name).length > 0) return;
    const kept = finalizers.filter((finalizer) => finalizer !== cleanupFinalizer);
    if (kept.length === 0) store.remove(definitions, `/${name}`);
    else if (kept.length < finalizers.length)
      store.put(definitions, { ...definition, metadata: { ...metadata, name, finalizers: kept } });
  }
}
