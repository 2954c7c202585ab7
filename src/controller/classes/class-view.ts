import type { LoadBalancerClass } from "../../api/index.ts";
import { sameData } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import type { Classes } from "../../model/index.ts";
import { classesFrom, type MergedClasses } from "./classes-from.ts";

/** The classes as they are now: those of flags and those of objects together. */
export class ClassView implements Disposable {
  readonly #flags: Classes;
  readonly #objects: Store<LoadBalancerClass>;
  readonly #subscription: Disposable;
  readonly #listeners = new Set<(before: Classes, after: Classes) => void>();
  #merged: MergedClasses;

  constructor(flags: Classes, objects: Store<LoadBalancerClass>) {
    this.#flags = flags;
    this.#objects = objects;
    this.#merged = classesFrom(flags, []);
    const refresh = (): void => this.#refresh();
    this.#subscription = objects.subscribe({ add: refresh, update: refresh, delete: refresh });
  }

  readonly current = (): Classes => this.#merged.classes;

  /** What is to be said of objects: see `MergedClasses`. */
  get verdicts(): MergedClasses["verdicts"] {
    return this.#merged.verdicts;
  }

  /** Calls `changed` when Services have other classes than before; a change of conditions is none. */
  onChange(changed: (before: Classes, after: Classes) => void): Disposable {
    this.#listeners.add(changed);
    return { [Symbol.dispose]: () => void this.#listeners.delete(changed) };
  }

  #refresh(): void {
    const before = this.#merged.classes;
    this.#merged = classesFrom(this.#flags, this.#objects.list());
    if (sameData(before, this.#merged.classes)) return;
    for (const listener of this.#listeners) listener(before, this.#merged.classes);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
