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
    const rule = ruleOf(line);
    if (rule !== undefined) {
      const found = chains?.get(rule.chain);
      if (found === undefined) throw unexpected(line, index);
      found.rules.push(rule.text);
    } else if (line === "COMMIT") {
      chains = undefined;
    } else if (line.startsWith("*")) {
      chains = new Map();
      tables.set(line.slice(1), chains);
    } else {
      const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
      if (chains === undefined || chain === undefined) throw unexpected(line, index);
      chains.set(chain, { policy: policy === "-" ? undefined : policy, rules: [] });
    }
  }
  return tables;
}

/** Nearly all lines are rules, and there may be hundreds of thousands. */
function ruleOf(line: string): { readonly chain: string; readonly text: string } | undefined {
  // With counters (`-c`) a rule starts with `[packets:bytes]`.
  const start = line.startsWith("[") ? line.indexOf("] ") + 2 : 0;
  if (!line.startsWith("-A ", start)) return undefined;
  const end = line.indexOf(" ", start + 3);
  return end < 0
    ? { chain: line.slice(start + 3), text: "" }
    : { chain: line.slice(start + 3, end), text: line.slice(end + 1) };
}

function unexpected(line: string, index: number): Error {
  return new Error(`iptables-save line ${index + 1}: ${JSON.stringify(line)} is not expected`);
}
