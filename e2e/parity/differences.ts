import { parseIptablesSave } from "../../src/kernel/index.ts";
import { canonicalRules } from "../churn/rules.ts";
import type { Rules } from "./node-rules.ts";

/**
 * Where the rules of the agent are not those of kube-proxy, one line each: `IPv4 nat KUBE-X lacks RULE`, `... adds
 * RULE`, `... order: ...`, and `IPv4 nat lacks KUBE-X (RULE; RULE)` for a chain. Order counts but for that of Services in a chain that
 * they share, where kube-proxy's is random.
 */
export function differencesOf(kubeProxy: Rules, agent: Rules): readonly string[] {
  return (["IPv4", "IPv6"] as const).flatMap((family) => {
    const [theirs, ours] = [kubeProxy[family], agent[family]].map(chainsOf) as [Chains, Chains];
    return [...new Set([...theirs.keys(), ...ours.keys()])]
      .toSorted()
      .flatMap((chain) => chainDifferences(chain, theirs.get(chain), ours.get(chain)))
      .map((line) => `${family} ${line}`);
  });
}

/** `table chain` -> rules, the policy of a built-in chain first. */
type Chains = ReadonlyMap<string, readonly string[]>;

function chainsOf(save: string): Chains {
  return new Map(
    [...parseIptablesSave(canonicalRules(save))].flatMap(([table, chains]) =>
      [...chains].map(([chain, { policy, rules }]) => [
        `${table} ${chain}`,
        policy === undefined ? rules : [`policy ${policy}`, ...rules],
      ]),
    ),
  );
}

function chainDifferences(
  chain: string,
  theirs: readonly string[] | undefined,
  ours: readonly string[] | undefined,
): string[] {
  if (theirs === undefined) return [`${chain.replace(" ", " adds ")} (${(ours ?? []).join("; ")})`];
  if (ours === undefined) return [`${chain.replace(" ", " lacks ")} (${theirs.join("; ")})`];
  const lacks = without(theirs, ours);
  const adds = without(ours, theirs);
  if (lacks.length + adds.length > 0)
    return [...lacks.map((rule) => `${chain} lacks ${rule}`), ...adds.map((rule) => `${chain} adds ${rule}`)];
  const index = theirs.findIndex((rule, i) => rule !== ours[i]);
  return index === -1 ? [] : [`${chain} order: ${theirs[index]} came before ${ours[index]}`];
}

/** What is left of a list when the items of another are taken away, each once. */
function without(items: readonly string[], others: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const item of others) counts.set(item, (counts.get(item) ?? 0) + 1);
  return items.filter((item) => {
    const left = counts.get(item) ?? 0;
    counts.set(item, left - 1);
    return left <= 0;
  });
}
