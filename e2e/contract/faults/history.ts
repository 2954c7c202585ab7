import { isDeepStrictEqual } from "node:util";
import { objectKey } from "../../../src/api/index.ts";
import type { KubeObject, StoreHandler } from "../../../src/kube/index.ts";

export type ChangeType = "add" | "update" | "delete";

export interface Change<T> {
  readonly type: ChangeType;
  readonly object: T;
}

/** Records what a store's handler is told, and complains about whatever cannot have happened. */
export class History<T extends KubeObject> implements StoreHandler<T> {
  readonly changes: Change<T>[] = [];
  readonly complaints: string[] = [];
  readonly #known = new Map<string, T>();

  add(object: T): void {
    const key = objectKey(object.metadata);
    if (this.#known.has(key)) this.#complain("added twice", object);
    this.#known.set(key, object);
    this.changes.push({ type: "add", object });
  }

  update(before: T, after: T): void {
    const key = objectKey(after.metadata);
    const last = this.#known.get(key);
    if (last === undefined) this.#complain("updated though unknown", after);
    else if (!sameState(last, before)) this.#complain("updated from a state that was never told", after);
    if (before.metadata.uid !== after.metadata.uid) this.#complain("became another object", after);
    if (sameState(before, after)) this.#complain("updated to what it was", after);
    this.#known.set(key, after);
    this.changes.push({ type: "update", object: after });
  }

  delete(last: T): void {
    const key = objectKey(last.metadata);
    const known = this.#known.get(key);
    if (known === undefined) this.#complain("deleted though unknown", last);
    else if (known.metadata.uid !== last.metadata.uid) this.#complain("deleted as another object", last);
    this.#known.delete(key);
    this.changes.push({ type: "delete", object: last });
  }

  /**
   * What does not agree with what really happened: a state that never was, a tombstone that is older than what was
   * told before, an order that is not that of the server. When `complete`, also every change that is missing.
   */
  disagreements(truth: readonly Change<T>[], complete: boolean): string[] {
    const places = this.changes.map((change) => ({ change, at: placeOf(change, truth) }));
    const never = places.filter(({ at }) => at === -1).map(({ change }) => `never was so: ${text(change)}`);
    const lastOf = new Map<string, number>();
    const backwards: string[] = [];
    for (const { change, at } of places) {
      const key = objectKey(change.object.metadata);
      // A tombstone from a relist is the state that was told last.
      if (at < (lastOf.get(key) ?? -1)) backwards.push(`went back: ${text(change)}`);
      lastOf.set(key, at);
    }
    const told = this.changes.map(text);
    const missing = complete && !isDeepStrictEqual(told, truth.map(text));
    const lost = missing ? [`told ${told.join(", ")}; happened ${truth.map(text).join(", ")}`] : [];
    return [...this.complaints, ...never, ...backwards, ...lost];
  }

  #complain(what: string, { metadata }: T): void {
    this.complaints.push(`${what}: ${metadata.name} at ${metadata.resourceVersion}`);
  }
}

/** As a line: of a deletion the version is that of the deletion, which only an event of it knows. */
function text({ type, object: { metadata } }: Change<KubeObject>): string {
  return type === "delete" ? `delete ${metadata.name}` : `${type} ${metadata.name}@${metadata.resourceVersion}`;
}

/** Where in what happened the change brought about the state that was told. */
function placeOf<T extends KubeObject>({ type, object }: Change<T>, truth: readonly Change<T>[]): number {
  if (type !== "delete") return truth.findIndex((other) => sameState(other.object, object));
  const last = truth.findLastIndex((other) => sameState(withoutVersion(other.object), withoutVersion(object)));
  return last;
}

export function sameState(a: object, b: object): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

function withoutVersion<T extends KubeObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: undefined } };
}

/** As on the wire, without fields that are undefined. */
export function plain(object: object): unknown {
  return JSON.parse(JSON.stringify(object));
}
