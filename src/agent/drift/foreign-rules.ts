import type { Gauge } from "prom-client";
import { canonicalRule } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { type ChainNames, isPeerJump, type Jump, type TableName } from "../plan/index.ts";

/** A rule of somebody else that packets meet before they have met all jumps of ours in that chain. */
export interface ForeignRule {
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  readonly rule: string;
}

/** Rules of a built-in chain above the last of our jumps in it that nobody else makes, as saved; no proxy's. */
export function foreignAbove(rules: readonly string[], jumps: readonly Jump[], names: ChainNames): string[] {
  const ours = new Map(jumps.map(({ rule, shared }) => [canonicalRule(rule), shared === true]));
  const own = new Set([...ours].flatMap(([rule, shared]) => (shared ? [] : [rule])));
  const canonical = rules.map(canonicalRule);
  const found = canonical.map((rule) => ours.get(rule));
  const last = found.lastIndexOf(false);
  return rules.filter((_, i) => i <= last && found[i] === undefined && !isPeerJump(canonical[i] ?? "", own, names));
}

export type ForeignGauge = Gauge<"ip_family" | "table" | "chain">;

/** Tells of foreign rules once when they come. */
export class ForeignRules {
  readonly #gauge: ForeignGauge;
  readonly #logger: Logger;
  readonly #rules = new Map<string, readonly ForeignRule[]>();

  constructor(gauge: ForeignGauge, logger: Logger) {
    this.#gauge = gauge;
    this.#logger = logger;
  }

  list(): readonly ForeignRule[] {
    return [...this.#rules].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, rules]) => rules);
  }

  /** Takes over which rules stand above our jumps in one chain. */
  update(family: Family, table: TableName, chain: string, rules: readonly string[]): void {
    const key = `${family} ${table} ${chain}`;
    const before = new Set(this.#rules.get(key)?.map(({ rule }) => rule));
    for (const rule of new Set(rules))
      if (!before.has(rule)) this.#logger.warn("foreign rule above our jumps", { family, table, chain, rule });
    this.#gauge.set({ ip_family: family, table, chain }, rules.length);
    this.#rules.set(
      key,
      rules.map((rule) => ({ family, table, chain, rule })),
    );
  }
}
