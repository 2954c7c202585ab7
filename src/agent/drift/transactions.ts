import { type NftProcess, parseMonitorLine } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { TableChange } from "./own-writes.ts";

interface Open {
  readonly family: Family;
  readonly table: string;
  readonly chains: Set<string>;
  gone: boolean;
}

/** Puts the lines of `nft monitor` together to what each transaction did to each table. */
export class Transactions {
  readonly #tables = new Map<string, Open>();

  /** `lost`: the kernel had more to tell than the monitor could take. */
  line(text: string): readonly TableChange[] | "lost" {
    const line = parseMonitorLine(text);
    if (line === undefined) return [];
    if (line.kind === "commit") return this.#commit(line.process);
    if (line.kind === "lost") {
      this.#tables.clear();
      return "lost";
    }
    const { family, table, chain, gone } = line;
    const open = this.#tables.getOrInsertComputed(`${family} ${table}`, () => ({
      family,
      table,
      chains: new Set(),
      gone: false,
    }));
    if (chain !== undefined) open.chains.add(chain);
    else open.gone ||= gone;
    return [];
  }

  #commit(process: NftProcess | undefined): readonly TableChange[] {
    const changes = [...this.#tables.values()].map((table) => ({ ...table, process }));
    this.#tables.clear();
    return changes;
  }
}
