import { atOnce, type Steps } from "../base/index.ts";

/** A chain and its rules, without `-A CHAIN`. */
export interface SavedChain {
  /** `ACCEPT` or `DROP` of a built-in chain; undefined for a chain that somebody made. */
  readonly policy: string | undefined;
  readonly rules: readonly string[];
}

/** Table -> chain -> rules. */
export type SavedTables = ReadonlyMap<string, ReadonlyMap<string, SavedChain>>;

/** Lines that are read in one step of a turn. */
const linesOfStep = 64;

/** Reads what `iptables-save` prints. Throws an Error naming the line that makes no sense. */
export function parseIptablesSave(text: string): SavedTables {
  return atOnce(parseInSteps(text));
}

export function* parseInSteps(text: string): Steps<SavedTables> {
  const tables = new Map<string, Map<string, { policy: string | undefined; rules: string[] }>>();
  let chains: Map<string, { policy: string | undefined; rules: string[] }> | undefined;
  let index = -1;
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
    index += 1;
    if (index % linesOfStep === 0) yield 1;
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
