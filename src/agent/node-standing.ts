import { createHash } from "node:crypto";
import { Turn } from "../base/index.ts";
import type { IsolatedService, RefusedFrontend } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { ServicePlan } from "./plan/index.ts";
import type { ServiceChange } from "./service-table.ts";

/** What a node is known to serve and not to serve. */
export class NodeStanding {
  readonly #refused = new Map<string, readonly RefusedFrontend[]>();
  #refusedCount = 0;
  readonly #isolated = new Map<Family, ReadonlyMap<string, string>>();
  /** Families of which the kernel has held the rules. */
  readonly #programmed = new Map<Family, RulesHash>();

  /** Takes over which frontends of a Service are left out. */
  refuse(service: string, frontends: readonly RefusedFrontend[]): void {
    this.#refusedCount += frontends.length - (this.#refused.get(service)?.length ?? 0);
    if (frontends.length === 0) this.#refused.delete(service);
    else this.#refused.set(service, frontends);
  }

  /** Takes over which Services the kernel refuses in a family, with the reason. Returns what that changes. */
  isolate(
    family: Family,
    services: ReadonlyMap<string, string>,
  ): { readonly added: readonly IsolatedService[]; readonly released: readonly string[] } {
    const before = this.#isolated.get(family) ?? new Map<string, string>();
    this.#isolated.set(family, new Map(services));
    return {
      added: [...services]
        .filter(([service, why]) => before.get(service) !== why)
        .map(([service, why]) => ({ service, family, why })),
      released: [...before.keys()].filter((service) => !services.has(service)),
    };
  }

  isIsolated(family: Family, service: string): boolean {
    return this.#isolated.get(family)?.has(service) === true;
  }

  /** The kernel holds the rules of these in a family, isolated ones apart. */
  programmed(family: Family, changes: Iterable<Pick<ServiceChange, "key" | "plansAfter">>): void {
    const rules = this.#programmed.getOrInsertComputed(family, () => new RulesHash());
    for (const { key, plansAfter } of changes) rules.set(key, plansAfter.get(family));
  }

  /** Sorted by Service. */
  refused(): readonly RefusedFrontend[] {
    return [...this.#refused].sort(byKey).flatMap(([, frontends]) => frontends);
  }

  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Sorted by Service, then family. */
  isolated(): readonly IsolatedService[] {
    return [...this.#isolated]
      .flatMap(([family, services]) => [...services].map(([service, why]) => ({ service, family, why })))
      .sort((a, b) => byKey([`${a.service} ${a.family}`], [`${b.service} ${b.family}`]));
  }

  /**
   * What identifies the rules of all Services in each family that has been programmed: nodes that hold the same say
   * the same.
   */
  async hashes(): Promise<ReadonlyMap<Family, string>> {
    const found: [Family, string][] = [];
    for (const [family, rules] of this.#programmed)
      found.push([family, await rules.digest(this.#isolated.get(family)?.keys() ?? [])]);
    return new Map(found.sort(byKey));
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

  /** Hashed only when somebody asks, and in steps; without what is left out. */
  async digest(leftOut: Iterable<string>): Promise<string> {
    const turn = new Turn();
    for (const [key, plan] of this.#due) {
      this.#due.delete(key);
      this.#replace(key, plan);
      if (turn.step()) await turn.next();
    }
    const sum = [...leftOut].reduce((left, key) => left - (this.#parts.get(key) ?? 0n), this.#sum);
    return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
  }

  /** A sum does not depend on the order in which Services came. */
  #replace(key: string, plan: ServicePlan | undefined): void {
    const part = plan === undefined || plan.chains.size + plan.rows.size === 0 ? 0n : planHash(key, plan);
    this.#sum = BigInt.asUintN(64, this.#sum - (this.#parts.get(key) ?? 0n) + part);
    if (part === 0n) this.#parts.delete(key);
    else this.#parts.set(key, part);
  }
}

function planHash(key: string, { chains, rows }: ServicePlan): bigint {
  const hash = createHash("sha256").update(key);
  for (const [chain, lines] of [...rows, ...chains]) hash.update(`\n${chain}\n`).update(lines.join("\n"));
  return hash.digest().readBigUInt64BE();
}
