import { createHash } from "node:crypto";
import { Turn } from "../base/index.ts";
import type { RefusedFrontend } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { ServicePlan } from "./plan/index.ts";
import type { ServiceChange } from "./service-table.ts";

/** A Service whose rules the kernel refuses, so that it is left out in one family. */
export interface IsolatedService {
  readonly service: string;
  readonly family: Family;
  readonly why: string;
}

/** What a node is known to serve and not to serve. */
export class NodeStanding {
  readonly #refused = new Map<string, readonly RefusedFrontend[]>();
  readonly #isolated: ReadonlyMap<Family, Map<string, string>>;
  readonly #programmed: ReadonlyMap<Family, RulesHash>;

  constructor(families: readonly Family[]) {
    this.#isolated = new Map(families.map((family) => [family, new Map()]));
    this.#programmed = new Map(families.map((family) => [family, new RulesHash()]));
  }

  /** Takes over which frontends of a Service are left out. */
  refuse(service: string, frontends: readonly RefusedFrontend[]): void {
    if (frontends.length === 0) this.#refused.delete(service);
    else this.#refused.set(service, frontends);
  }

  /** Takes over which Services the kernel refuses in a family, with the reason; those of them that are new or others. */
  isolate(family: Family, services: ReadonlyMap<string, string>): IsolatedService[] {
    const known = this.#isolated.get(family);
    const news = [...services].filter(([service, why]) => known?.get(service) !== why);
    known?.clear();
    for (const [service, why] of services) known?.set(service, why);
    return news.map(([service, why]) => ({ service, family, why }));
  }

  /** The kernel holds the rules of these in a family. */
  programmed(family: Family, changes: Iterable<Pick<ServiceChange, "key" | "plansAfter">>): void {
    for (const { key, plansAfter } of changes) this.#programmed.get(family)?.set(key, plansAfter.get(family));
  }

  /** Sorted by Service. */
  refused(): readonly RefusedFrontend[] {
    return [...this.#refused].sort(byKey).flatMap(([, frontends]) => frontends);
  }

  get refusedCount(): number {
    return [...this.#refused.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Sorted by Service, then family. */
  isolated(): readonly IsolatedService[] {
    return [...this.#isolated]
      .flatMap(([family, services]) => [...services].map(([service, why]) => ({ service, family, why })))
      .sort((a, b) => byKey([`${a.service} ${a.family}`], [`${b.service} ${b.family}`]));
  }

  /** What identifies the rules of all Services in each family: nodes that hold the same say the same. */
  async hashes(): Promise<ReadonlyMap<Family, string>> {
    const found: [Family, string][] = [];
    for (const [family, rules] of this.#programmed) found.push([family, await rules.digest()]);
    return new Map(found);
  }
}

function byKey([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A hash over the rules of many Services that follows a change of one at the cost of that one. */
class RulesHash {
  readonly #parts = new Map<string, bigint>();
  readonly #due = new Map<string, ServicePlan | undefined>();
  #sum = 0n;

  set(key: string, plan: ServicePlan | undefined): void {
    this.#due.set(key, plan);
  }

  /** Hashed only when somebody asks, and in steps. */
  async digest(): Promise<string> {
    const turn = new Turn();
    for (const [key, plan] of this.#due) {
      this.#due.delete(key);
      this.#replace(key, plan);
      if (turn.step()) await turn.next();
    }
    return this.#sum.toString(16).padStart(16, "0");
  }

  /** A sum does not depend on the order in which Services came. */
  #replace(key: string, plan: ServicePlan | undefined): void {
    const part = plan === undefined ? 0n : planHash(key, plan);
    this.#sum = BigInt.asUintN(64, this.#sum - (this.#parts.get(key) ?? 0n) + part);
    if (plan === undefined) this.#parts.delete(key);
    else this.#parts.set(key, part);
  }
}

function planHash(key: string, { chains, rows }: ServicePlan): bigint {
  const hash = createHash("sha256").update(key);
  for (const [chain, lines] of [...rows, ...chains]) hash.update(`\n${chain}\n`).update(lines.join("\n"));
  return hash.digest().readBigUInt64BE();
}
