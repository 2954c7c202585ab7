import type { ResourceType } from "./resource-type.ts";

/** Everything that is served now: the built-in kinds, and those that CustomResourceDefinitions bring. */
export class TypeTable {
  readonly #builtIn: readonly ResourceType[];
  #all: readonly ResourceType[];

  constructor(builtIn: readonly ResourceType[]) {
    this.#builtIn = builtIn;
    this.#all = builtIn;
  }

  /** Another list, and not a changed one, after each change. */
  get all(): readonly ResourceType[] {
    return this.#all;
  }

  /** Puts these in the place of all custom kinds. */
  setCustom(types: readonly ResourceType[]): void {
    this.#all = [...this.#builtIn, ...types];
  }

  /** The type whose objects are stored there as they are. */
  ofCollection(collection: string): ResourceType | undefined {
    return this.#all.find((type) => type.collection === collection && type.view === undefined);
  }
}
