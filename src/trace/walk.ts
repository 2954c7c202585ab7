import { assertNever } from "../base/index.ts";
import type { CompiledChain, CompiledRule, CompiledRules } from "./compile.ts";
import type { Unknown } from "./conditions.ts";
import type { Flight, PassedRule, World } from "./flight.ts";
import type { Verdict } from "./targets.ts";

/** The rules make no sense, or nobody can tell what they do with this packet. The message names the rule. */
export class TraceError extends Error {
  override readonly name = "TraceError";
  /** What would have to be known; undefined when no knowledge would help. */
  readonly unknown: Unknown["unknown"] | undefined;
  /** Whether the rule is none that kube-proxy or the agent writes, so that `skipForeign` would go on without it. */
  readonly foreign: boolean;

  constructor(message: string, unknown?: Unknown["unknown"], foreign = false) {
    super(message);
    this.unknown = unknown;
    this.foreign = foreign;
  }
}

/** Where one way of a packet through a chain ends. */
export interface Arrival {
  readonly flight: Flight;
  /** Undefined: it came out at the end, for the rule behind the jump or for the policy. */
  readonly verdict: Verdict | undefined;
}

/** The chains that a packet is in, the innermost first. */
interface Inside {
  readonly chain: CompiledChain;
  readonly from: Inside | undefined;
}

/** What a rule does with one way of a packet: the next rule is tried, the chain is left, or all is decided. */
interface Step {
  readonly flight: Flight;
  readonly end: "next" | "leave" | Verdict;
}

/** Sends packets through the chains of one table. */
export class Walker {
  readonly #rules: CompiledRules;
  readonly #table: string;
  readonly #world: World;

  constructor(rules: CompiledRules, table: string, world: World) {
    this.#rules = rules;
    this.#table = table;
    this.#world = world;
  }

  /** Every way through a chain that chance leaves open; their shares sum up to that of the packet. */
  walk(chain: CompiledChain, start: Flight, from?: Inside): Arrival[] {
    const here = { chain, from };
    const arrivals: Arrival[] = [];
    const ways: [flight: Flight, next: number][] = [[start, 0]];
    for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
      const [flight, next] = way;
      let rest = flight.share;
      for (const rule of next === 0 ? chain.rules : chain.rules.slice(next)) {
        const chance = this.#chance(rule, flight);
        if (chance === 0) continue;
        const hit = { ...flight, share: rest * chance, passed: { rule: rule.place, before: flight.passed } };
        rest *= 1 - chance;
        for (const step of this.#follow(rule, hit, here))
          if (step.end === "next") ways.push([step.flight, rule.place.number]);
          else arrivals.push({ flight: step.flight, verdict: step.end === "leave" ? undefined : step.end });
        if (rest === 0) break;
      }
      if (rest > 0)
        arrivals.push({ flight: rest === flight.share ? flight : { ...flight, share: rest }, verdict: undefined });
    }
    return arrivals;
  }

  /** How likely a rule takes the packet. Whatever cannot be told matters only when all else about the rule holds. */
  #chance(rule: CompiledRule, flight: Flight): number {
    let unknown: Unknown | undefined;
    for (const condition of rule.all) {
      const answer = condition(flight, this.#world);
      if (answer === false) return 0;
      if (answer !== true) unknown ??= answer;
    }
    if (rule.target.kind === "unknown") unknown ??= { unknown: "rule", why: rule.target.why };
    if (unknown === undefined) return rule.chance;
    if (rule.target.kind === "none") return 0;
    if (!this.#world.skipForeign || !rule.foreign)
      throw new TraceError(`${placeText(rule.place)}: ${unknown.why}`, unknown.unknown, rule.foreign);
    this.#world.skipped.add(rule.place);
    return 0;
  }

  #follow({ place, target }: CompiledRule, flight: Flight, here: Inside): Step[] {
    switch (target.kind) {
      case "none":
        return [{ flight, end: "next" }];
      case "verdict":
        return [{ flight, end: target.verdict }];
      case "return":
        return [{ flight, end: "leave" }];
      case "change":
        return [{ flight: target.change(flight), end: "next" }];
      case "nat":
        return [{ flight: target.change(flight, this.#world), end: "ACCEPT" }];
      case "chain": {
        const chain = this.#rules.chain(this.#table, target.chain);
        // The kernel takes no rules that could run in a circle; a dump that somebody edited may hold them.
        for (let at: Inside | undefined = here; at !== undefined; at = at.from)
          if (at.chain === chain) throw new TraceError(`${placeText(place)}: the chains jump in a circle`);
        const after = target.goto ? "leave" : "next";
        return chain === undefined
          ? []
          : this.walk(chain, flight, here).map(({ flight: out, verdict }) => ({ flight: out, end: verdict ?? after }));
      }
      case "unknown":
        throw new TraceError(`${placeText(place)}: ${target.why}`);
      default:
        return assertNever(target, "target");
    }
  }
}

/** `nat KUBE-SERVICES rule 3 (-d ... -j ...)`. */
function placeText({ table, chain, number, text }: PassedRule): string {
  return `${table} ${chain} rule ${number} (${text})`;
}
