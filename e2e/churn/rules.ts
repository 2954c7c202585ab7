import { parseIptablesSave } from "../../src/kernel/index.ts";

/** Of a rule in a chain that leads to many Services, whose it is. */
const owner = /--comment "([^" ]+\/[^" ]+)[ "]/;

/**
 * What `iptables-save` printed, in a form that is equal where the rules are: without times and counters, tables and
 * chains by name. In a chain that leads to several Services kube-proxy writes these in the order of a Go map; here they
 * are by name. What one Service has there, and all else, keeps its order.
 */
export function canonicalRules(text: string): string {
  return [...parseIptablesSave(text)]
    .toSorted(byName)
    .flatMap(([table, chains]) => [
      `*${table}`,
      ...[...chains]
        .toSorted(byName)
        .flatMap(([chain, { policy, rules }]) => [
          `:${chain} ${policy ?? "-"}`,
          ...inOrder(rules).map((rule) => `-A ${chain} ${rule}`),
        ]),
    ])
    .join("\n");
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function inOrder(rules: readonly string[]): readonly string[] {
  const owned = rules.filter((rule) => owner.test(rule)).toSorted((a, b) => byName([ownerOf(a), a], [ownerOf(b), b]));
  const next = owned.values();
  return rules.map((rule) => (owner.test(rule) ? (next.next().value ?? rule) : rule));
}

function ownerOf(rule: string): string {
  return owner.exec(rule)?.[1] ?? "";
}
