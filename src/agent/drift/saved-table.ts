import { hash } from "node:crypto";
import type { Steps } from "../../base/index.ts";
import { parseInSteps, type SavedTables } from "../../kernel/index.ts";
import type { TableProgram } from "../plan/index.ts";

/** Rules that are hashed in one step of a turn. */
const rulesOfStep = 64;

type Chains = SavedTables extends ReadonlyMap<string, infer C> ? C : never;

interface Known {
  readonly digest: string;
  readonly wanted: readonly string[];
}

/**
 * Remembers of a table as it was saved what it was found to mean, so that reading the same again costs little:
 * bringing 17,000 rules to their canonical form takes 100 ms, telling that they are the same letters 3 ms.
 */
export class SavedTable {
  #digest = "";
  #program: TableProgram | undefined;
  #chains: ReadonlyMap<string, Known> = new Map();

  /** Whether this is, counters apart, the text that was accepted, for the same program. */
  same(text: string, program: TableProgram): boolean {
    return this.#program === program && this.#digest === textDigest(text);
  }

  /**
   * What the text says; chains that say what they said when accepted are worded as the program has them. `accept` is
   * called when all of it turned out to mean the program.
   */
  *readInSteps(text: string, table: string, program: TableProgram): Steps<{ chains: Chains; accept: () => void }> {
    const found = new Map<string, Known>();
    const chains = new Map((yield* parseInSteps(text)).get(table));
    for (const [name, wanted] of program.chains) {
      const chain = chains.get(name);
      if (chain === undefined) continue;
      yield chain.rules.length / rulesOfStep;
      const digest = hash("sha1", chain.rules.join("\n"), "base64");
      const known = this.#chains.get(name);
      if (known?.digest === digest && known.wanted === wanted) chains.set(name, { ...chain, rules: wanted });
      found.set(name, { digest, wanted });
    }
    const accept = (): void => {
      this.#digest = textDigest(text);
      this.#program = program;
      this.#chains = found;
    };
    return { chains, accept };
  }
}

/** Built-in chains are saved with counters, and comments with the time. */
function textDigest(text: string): string {
  const firstRule = text.indexOf("\n-A ");
  const head = firstRule === -1 ? text : text.slice(0, firstRule);
  const tail = text.slice(head.length, text.lastIndexOf("\nCOMMIT"));
  return hash("sha1", head.replace(/^#.*$/gm, "").replace(/ \[\d+:\d+\]$/gm, "") + tail);
}
