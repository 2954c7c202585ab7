import type { TableLayouts } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { TableName } from "../plan/index.ts";
import type { OwnWrites } from "./own-writes.ts";

const tableNames: readonly TableName[] = ["nat", "filter", "mangle"];

/** Tells from the layouts of legacy tables whether somebody else has added or removed rules, at next to no cost. */
export class LayoutWatch implements Disposable {
  readonly #layouts: TableLayouts;
  readonly #observing: Disposable;
  readonly #known = new Map<string, string | undefined>();
  /** Others altered it, and it was not looked at since. */
  readonly #altered = new Set<string>();
  /** Families that are being written: the kernel would be busy, and its answer neither the old nor the new one. */
  readonly #writing = new Set<Family>();

  /** Takes over `layouts`, and calls what is there now the right state. */
  constructor(layouts: TableLayouts, families: Iterable<Family>, ownWrites: OwnWrites) {
    this.#layouts = layouts;
    for (const family of families) this.#learn(family);
    this.#observing = ownWrites.observe({
      began: (family) => {
        for (const table of tableNames) if (this.isAltered(family, table)) this.#altered.add(`${family} ${table}`);
        this.#writing.add(family);
      },
      ended: (family) => {
        this.#writing.delete(family);
        this.#learn(family);
      },
    });
  }

  isAltered(family: Family, table: TableName): boolean {
    if (this.#writing.has(family)) return false;
    const key = `${family} ${table}`;
    return this.#altered.has(key) || this.#layouts.of(family, table) !== this.#known.get(key);
  }

  /** It is about to be read: what changes from now on is news. */
  read(family: Family, table: TableName): void {
    this.#altered.delete(`${family} ${table}`);
    this.#known.set(`${family} ${table}`, this.#layouts.of(family, table));
  }

  /** It could not be read. */
  doubt(family: Family, table: TableName): void {
    this.#altered.add(`${family} ${table}`);
  }

  [Symbol.dispose](): void {
    this.#observing[Symbol.dispose]();
    this.#layouts[Symbol.dispose]();
  }

  #learn(family: Family): void {
    for (const table of tableNames) this.#known.set(`${family} ${table}`, this.#layouts.of(family, table));
  }
}
