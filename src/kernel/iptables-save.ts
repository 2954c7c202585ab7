/** A chain and its rules, without `-A CHAIN`. */
export interface SavedChain {
  /** `ACCEPT` or `DROP` of a built-in chain; undefined for a chain that somebody made. */
  readonly policy: string | undefined;
  readonly rules: readonly string[];
}

/** Table -> chain -> rules. */
export type SavedTables = ReadonlyMap<string, ReadonlyMap<string, SavedChain>>;

/** Reads what `iptables-save` prints. Throws an Error naming the line that makes no sense. */
export function parseIptablesSave(text: string): SavedTables {
  const tables = new Map<string, Map<string, { policy: string | undefined; rules: string[] }>>();
  let chains: Map<string, { policy: string | undefined; rules: string[] }> | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    if (line === "COMMIT") {
      chains = undefined;
      continue;
    }
    const table = /^\*(\S+)$/.exec(line)?.[1];
    if (table !== undefined) {
      chains = new Map();
      tables.set(table, chains);
      continue;
    }
    const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (chains !== undefined && chain !== undefined) {
      chains.set(chain, { policy: policy === "-" ? undefined : policy, rules: [] });
      continue;
    }
    // With counters (`-c`) a rule starts with `[packets:bytes]`.
    const [, owner = "", rule = ""] = /^(?:\[\d+:\d+\] )?-A (\S+)(?: (.*))?$/.exec(line) ?? [];
    const found = chains?.get(owner);
    if (found === undefined)
      throw new Error(`iptables-save line ${index + 1}: ${JSON.stringify(line)} is not expected`);
    found.rules.push(rule);
  }
  return tables;
}
