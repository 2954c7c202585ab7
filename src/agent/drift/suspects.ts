import type { NftProcess } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { TableName } from "../plan/index.ts";
import type { Suspect } from "./watch.ts";

interface Entry {
  readonly family: Family;
  readonly table: TableName;
  chains: Set<string> | undefined;
  readonly by: Set<string>;
}

/** Who alters rules all the time does it with many short-lived processes. */
const maxProcesses = 5;

/** What waits to be checked, each table once. */
export class Suspects {
  readonly #entries = new Map<string, Entry>();

  /** `chains` undefined: any of the table. */
  add(family: Family, table: TableName, chains: Iterable<string> | undefined, by: Iterable<string> = []): void {
    const entry = this.#entries.getOrInsertComputed(`${family} ${table}`, () => ({
      family,
      table,
      chains: new Set(),
      by: new Set(),
    }));
    if (chains === undefined) entry.chains = undefined;
    else for (const chain of chains) entry.chains?.add(chain);
    for (const process of by) if (entry.by.size < maxProcesses) entry.by.add(process);
  }

  /** All of them, which then wait no more. */
  take(): readonly Suspect[] {
    const taken = [...this.#entries.values()].map((entry) => ({ ...entry, by: [...entry.by] }));
    this.#entries.clear();
    return taken;
  }
}

export function processText({ name, pid }: NftProcess): string {
  return `${name}[${pid}]`;
}
