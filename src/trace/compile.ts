import type { RuleProgram } from "../agent/plan/index.ts";
import { parseRule, ruleTarget, type SavedTables } from "../kernel/index.ts";
import { type Conditions, conditionsOf } from "./conditions.ts";
import type { PassedRule } from "./flight.ts";
import { type Target, targetOf } from "./targets.ts";

export interface CompiledRule extends Conditions {
  readonly place: PassedRule;
  readonly target: Target;
  /** Not one that kube-proxy or the agent writes. */
  readonly foreign: boolean;
}

export interface CompiledChain {
  readonly name: string;
  /** Of a built-in chain; undefined for a chain that somebody made. */
  readonly policy: string | undefined;
  readonly rules: readonly CompiledRule[];
}

interface Source {
  readonly policy: string | undefined;
  readonly rules: readonly string[];
}

/** Rules in the form in which packets are sent through them. A chain is read when a packet first comes to it, and kept. */
export class CompiledRules {
  readonly #sources: ReadonlyMap<string, ReadonlyMap<string, Source>>;
  readonly #chains = new Map<string, CompiledChain>();
  readonly #isOurs: (chain: string) => boolean;

  constructor(sources: ReadonlyMap<string, ReadonlyMap<string, Source>>) {
    this.#sources = sources;
    const prefixes = prefixesIn(sources);
    this.#isOurs = (chain) => prefixes.has(proxyChain.exec(chain)?.[1] ?? "");
  }

  chain(table: string, name: string): CompiledChain | undefined {
    const key = `${table} ${name}`;
    const known = this.#chains.get(key);
    if (known !== undefined) return known;
    const chains = this.#sources.get(table);
    const source = chains?.get(name);
    if (source === undefined) return undefined;
    const isChain = (target: string): boolean => chains?.has(target) === true;
    const rules = source.rules.map((text, i) =>
      compileRule({ table, chain: name, number: i + 1, text }, isChain, this.#isOurs),
    );
    const chain = { name, policy: source.policy, rules };
    this.#chains.set(key, chain);
    return chain;
  }
}

/** Takes what `iptables-save` showed or what was planned for a node. */
export function compileRules(rules: SavedTables | RuleProgram): CompiledRules {
  return new CompiledRules(
    new Map([...rules].map(([table, content]) => [table, "jumps" in content ? planned(content) : content])),
  );
}

type TableProgram = RuleProgram extends ReadonlyMap<unknown, infer T> ? T : never;

function planned({ chains, jumps }: TableProgram): Map<string, Source> {
  // Chains that are shared with kubelet are made with the jump to them, empty if nobody has written them.
  const shared = jumps.filter((jump) => jump.shared).flatMap(({ rule }) => ruleTarget(rule) ?? []);
  return new Map<string, Source>([
    ...shared.map((chain) => [chain, { policy: undefined, rules: [] }] as const),
    ...Map.groupBy(jumps, ({ from }) => from)
      .entries()
      .map(([chain, list]) => [chain, { policy: "ACCEPT", rules: list.map(({ rule }) => rule) }] as const),
    ...[...chains].map(([chain, rules]) => [chain, { policy: undefined, rules }] as const),
  ]);
}

/** What names of service proxies' chains begin with: kube-proxy's, and that of each proxy that has left its canary. */
function prefixesIn(sources: ReadonlyMap<string, ReadonlyMap<string, Source>>): ReadonlySet<string> {
  const chains = [...sources.values()].flatMap((table) => [...table.keys()]);
  return new Set(["KUBE", ...chains.flatMap((chain) => /^([A-Z]+)-PROXY-CANARY$/.exec(chain)?.[1] ?? [])]);
}

const proxyChain =
  /^([A-Z]+)-(?:SERVICES|NODEPORTS|EXTERNAL-SERVICES|PROXY-FIREWALL|FORWARD|FIREWALL|POSTROUTING|MARK-MASQ|(?:SVC|SVL|SEP|EXT|FW)-.*)$/;

function compileRule(
  place: PassedRule,
  isChain: (name: string) => boolean,
  isOurs: (chain: string) => boolean,
): CompiledRule {
  const rule = parseRule(place.text);
  return {
    ...conditionsOf(rule),
    place,
    target: targetOf(rule.target, rule.goto, isChain),
    foreign: !isOurs(place.chain) && !isOurs(rule.target?.name ?? ""),
  };
}
