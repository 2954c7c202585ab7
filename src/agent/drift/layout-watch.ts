import type { LegacyTables } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { TableName } from "../plan/index.ts";
import type { OwnWrites } from "./own-writes.ts";

const tableNames: readonly TableName[] = ["nat", "filter", "mangle"];

/** Tells from the layouts of legacy tables whether somebody else has added or removed rules, at next to no cost. */
export class LayoutWatch implements Disposable {
  readonly #tables: LegacyTables;
  readonly #observing: Disposable;
  readonly #known = new Map<string, string | undefined>();
  /** Others altered it, and it was not looked at since. */
  readonly #altered = new Set<string>();
  /** Families that are being written: the kernel would be busy, and its answer neither the old nor the new one. */
  readonly #writing = new Set<Family>();

  /** Takes over `tables`, and calls what is there now the right state. */
  constructor(tables: LegacyTables, families: Iterable<Family>, ownWrites: OwnWrites) {
    this.#tables = tables;
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
    return this.#altered.has(key) || this.#tables.layout(family, table) !== this.#known.get(key);
  }

  /** It is about to be read: what changes from now on is news. */
  read(family: Family, table: TableName): void {
    this.#altered.delete(`${family} ${table}`);
    this.#known.set(`${family} ${table}`, this.#tables.layout(family, table));
  }

  /** The same as before means that no rule of the table is another; undefined when that cannot be told now. */
  contents(family: Family, table: TableName): string | undefined {
    return this.#writing.has(family) ? undefined : this.#tables.contents(family, table);
  }

  /** It could not be read. */
  doubt(family: Family, table: TableName): void {
    this.#altered.add(`${family} ${table}`);
  }

  [Symbol.dispose](): void {
    this.#observing[Symbol.dispose]();
    this.#tables[Symbol.dispose]();
  }

  #learn(family: Family): void {
    for (const table of tableNames) this.#known.set(`${family} ${table}`, this.#tables.layout(family, table));
  }
}
