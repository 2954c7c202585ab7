import { canonicalRule, parseIptablesSave } from "../../src/kernel/index.ts";

const shared: ReadonlySet<string> = new Set([
  "nat KUBE-SERVICES",
  "nat KUBE-NODEPORTS",
  "filter KUBE-SERVICES",
  "filter KUBE-NODEPORTS",
  "filter KUBE-EXTERNAL-SERVICES",
  "filter KUBE-PROXY-FIREWALL",
]);

/**
 * The rules of a dump by `table chain`, in one form for both sides: canonical text; in chains that Services share,
 * ports in the order of their names (kube-proxy's is that of a Go map), the rules of each port in the order found.
 * Without canaries, which need a kernel to watch.
 */
export function comparable(save: string): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    [...parseIptablesSave(save)]
      .flatMap(([table, chains]) =>
        [...chains].map(([chain, { rules }]): [string, readonly string[]] => [
          `${table} ${chain}`,
          chain.startsWith("KUBE-") ? rules.map(canonicalRule) : rules.map((rule) => rule.replaceAll('"', "")),
        ]),
      )
      .filter(
        ([name, rules]) =>
          !name.startsWith("mangle ") && !name.endsWith("-CANARY") && (rules.length > 0 || / KUBE-/.test(name)),
      )
      .map(([name, rules]) => [name, shared.has(name) ? byPort(rules) : rules]),
  );
}

/** The rules that lead to NodePorts are of no port and have to stand behind all others: there they stay. */
function byPort(rules: readonly string[]): readonly string[] {
  const end = rules.findIndex((rule) => rule.endsWith("-j KUBE-NODEPORTS"));
  const own = end === -1 ? rules : rules.slice(0, end);
  const last = end === -1 ? [] : rules.slice(end);
  return [...own.toSorted((a, b) => (portOf(a) < portOf(b) ? -1 : portOf(a) > portOf(b) ? 1 : 0)), ...last.toSorted()];
}

function portOf(rule: string): string {
  return `${/\bns\/[\w:]+/.exec(rule)?.[0]} ${/-p (\w+)/.exec(rule)?.[1]}`;
}
