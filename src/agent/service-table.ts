import { isDeepStrictEqual } from "node:util";
import { guardFrontends, type ProxiedService, proxiedService, type RefusedFrontend } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { NodeFacts } from "./node-facts.ts";
import { planService, RulePlanner, type RuleProgram, type ServicePlan, sameLines } from "./plan/index.ts";

type Plans = ReadonlyMap<Family, ServicePlan>;

/** What a Service was and is. */
export interface ServiceChange {
  readonly key: string;
  readonly before: ProxiedService | undefined;
  readonly after: ProxiedService | undefined;
  readonly plansBefore: Plans;
  readonly plansAfter: Plans;
  /** Frontends that are left out now and were not before. */
  readonly refused: readonly RefusedFrontend[];
}

interface Entry {
  readonly service: ProxiedService;
  readonly plans: Plans;
  readonly refused: readonly RefusedFrontend[];
}

/** The Services that this node serves and the rules that follow from them, kept up to date key by key. */
export class ServiceTable {
  readonly #families: readonly Family[];
  readonly #entries = new Map<string, Entry>();
  #planners: ReadonlyMap<Family, RulePlanner> = new Map();
  #facts: NodeFacts | undefined;

  constructor(families: readonly Family[]) {
    this.#families = families;
  }

  /** Takes over what the state says of these Services, and of all when the facts are others than before. */
  update(keys: Iterable<string>, state: ClusterState, facts: NodeFacts): ServiceChange[] {
    const same = isDeepStrictEqual(facts, this.#facts);
    if (!same) this.#restart(facts);
    const dirty = same ? new Set(keys) : new Set([...this.#entries.keys(), ...state.serviceKeys()]);
    const changes = [...dirty].flatMap((key) => this.#updateOne(key, state, facts, !same) ?? []);
    this.#facts = facts;
    return changes;
  }

  program(family: Family): RuleProgram {
    const planner = this.#planners.get(family);
    if (planner === undefined) throw new Error(`no rules for ${family}`);
    return planner.program();
  }

  /** The rules of each Service. */
  plans(family: Family): ReadonlyMap<string, ServicePlan> {
    return new Map(
      [...this.#entries].flatMap(([key, { plans }]) => {
        const plan = plans.get(family);
        return plan === undefined ? [] : [[key, plan] as const];
      }),
    );
  }

  services(): ProxiedService[] {
    return [...this.#entries.values()].map(({ service }) => service);
  }

  #restart(facts: NodeFacts): void {
    this.#planners = new Map(
      this.#families.map((family) => {
        const config = facts.configs.get(family);
        if (config === undefined) throw new Error(`no plan configuration for ${family}`);
        return [family, new RulePlanner(family, config)];
      }),
    );
  }

  #updateOne(key: string, state: ClusterState, facts: NodeFacts, replan: boolean): ServiceChange | undefined {
    const before = this.#entries.get(key);
    const object = state.service(key);
    const wanted = object && proxiedService(object, state.slices(key), facts.place);
    const guarded = wanted && guardFrontends(wanted, facts.guard);
    const unchanged =
      isDeepStrictEqual(guarded?.service, before?.service) && isDeepStrictEqual(guarded?.refused, before?.refused);
    if (unchanged && !replan) return undefined;
    const plans: Plans = guarded === undefined ? new Map() : this.#plan(guarded.service, facts);
    for (const [family, planner] of this.#planners) planner.set(key, plans.get(family));
    if (guarded === undefined) this.#entries.delete(key);
    else this.#entries.set(key, { service: guarded.service, plans, refused: guarded.refused });
    if (before === undefined && guarded === undefined) return undefined;
    return {
      key,
      before: before?.service,
      after: guarded?.service,
      plansBefore: before?.plans ?? new Map(),
      plansAfter: plans,
      refused: (guarded?.refused ?? []).filter((one) => !before?.refused.some((old) => isDeepStrictEqual(old, one))),
    };
  }

  #plan({ ports }: ProxiedService, { configs }: NodeFacts): Plans {
    return new Map(
      [...configs].map(([family, config]) => [
        family,
        planService(
          ports.filter((port) => port.family === family),
          config,
        ),
      ]),
    );
  }
}

/** Names of the chains in which the Service's rules differ, sorted; shared chains without their table. */
export function changedChains({ plansBefore, plansAfter }: ServiceChange): string[] {
  const changed = new Set<string>();
  for (const family of new Set([...plansBefore.keys(), ...plansAfter.keys()])) {
    const [was, is] = [plansBefore, plansAfter].map((plans) => allLines(plans.get(family)));
    for (const chain of new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])]))
      if (!sameLines(was?.get(chain), is?.get(chain))) changed.add(chain);
  }
  // A dispatch chain may be one of nat and one of filter, under one name.
  return [...new Set([...changed].map((chain) => chain.split(" ").at(-1) ?? chain))].sort();
}

/** How many rules the Service has. */
export function ruleCount(plans: Plans): number {
  return [...plans.values()]
    .flatMap((plan) => [...allLines(plan).values()])
    .reduce((sum, lines) => sum + lines.length, 0);
}

function allLines(plan: ServicePlan | undefined): ReadonlyMap<string, readonly string[]> {
  return new Map<string, readonly string[]>([...(plan?.chains ?? []), ...(plan?.rows ?? [])]);
}
