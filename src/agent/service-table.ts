import { isDeepStrictEqual } from "node:util";
import { sameData, Turn } from "../base/index.ts";
import type { ProxiedService, RefusedFrontend, WaitingSocket } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { Admission } from "./admission.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { NodeFacts } from "./node-facts.ts";
import {
  differingChains,
  isLargeCluster,
  type PlanConfig,
  planService,
  RulePlanner,
  type RuleProgram,
  ruleTotal,
  type ServicePlan,
} from "./plan/index.ts";

/** Families in which the Service has no port are left out. */
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
  /** All that are left out now. */
  readonly refusals: readonly RefusedFrontend[];
}

interface Entry {
  readonly service: ProxiedService;
  readonly plans: Plans;
  readonly refused: readonly RefusedFrontend[];
}

type Planners = ReadonlyMap<Family, RulePlanner>;
type Configs = ReadonlyMap<Family, PlanConfig>;

/**
 * The Services that this node serves and the rules that follow from them, kept up to date key by key. An update costs
 * what changed, and the dispatch chains when rows of theirs do. It lets others have their turn in between; meanwhile
 * and if it fails, programs are what they were, and what it had not done yet is done by the next one.
 */
export class ServiceTable {
  readonly #families: readonly Family[];
  readonly #admission: Admission;
  readonly #entries = new Map<string, Entry>();
  /** Services to be planned. */
  readonly #due = new Set<string>();
  /** What updates changed that did not come to their end. */
  #changes: ServiceChange[] = [];
  #planners: Planners = new Map();
  /** Of the planners. */
  #configs: Configs = new Map();
  #programs: ReadonlyMap<Family, RuleProgram> = new Map();
  #facts: NodeFacts | undefined;

  /** `sockets`: on what local processes wait. */
  constructor(families: readonly Family[], sockets: () => Promise<readonly WaitingSocket[]>) {
    this.#families = families;
    this.#admission = new Admission(sockets);
  }

  /**
   * Takes over what the state says of these Services, and of all when the facts are others than before. Each Service
   * is read once, in one piece; what changes later needs another update. Updates must not overlap.
   */
  async update(keys: Iterable<string>, state: ClusterState, facts: NodeFacts): Promise<readonly ServiceChange[]> {
    const turn = new Turn();
    const same = isDeepStrictEqual(facts, this.#facts);
    // If it fails, what is half done follows from neither the old nor the new facts.
    this.#facts = undefined;
    for (const key of same ? keys : new Set([...this.#admission.keys(), ...state.serviceKeys()])) {
      for (const touched of this.#admission.consider(key, state, facts)) this.#due.add(touched);
      if (turn.step(1 + weightOf(state, key))) await turn.next();
    }
    for (const touched of await this.#admission.listen(facts)) this.#due.add(touched);

    const configs = this.#sized(facts);
    const anew = !isDeepStrictEqual(configs, this.#configs);
    if (anew) this.#configs = new Map();
    const planners = anew ? this.#newPlanners(configs) : this.#planners;
    if (anew) for (const key of this.#entries.keys()) this.#due.add(key);
    for (const key of this.#due) {
      const change = this.#settle(key, configs, planners, anew);
      if (change !== undefined) this.#changes.push(change);
      this.#due.delete(key);
      if (turn.step(1 + (change?.after?.ports ?? []).reduce((sum, port) => sum + port.endpoints.length, 0) / 8))
        await turn.next();
    }
    this.#programs = new Map([...planners].map(([family, planner]) => [family, planner.program()]));
    this.#planners = planners;
    this.#configs = configs;
    this.#facts = facts;
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** What is to be in the kernel since the last update. */
  program(family: Family): RuleProgram {
    const program = this.#programs.get(family);
    if (program === undefined) throw new Error(`no rules for ${family}`);
    return program;
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
    return Array.from(this.#entries.values(), ({ service }) => service);
  }

  /** Whether a frontend is left out for a local process, which may end without anybody telling. */
  get givesWay(): boolean {
    return this.#admission.givesWay;
  }

  /** All frontends that are left out. */
  refused(): readonly RefusedFrontend[] {
    return [...this.#entries.values()].flatMap(({ refused }) => refused);
  }

  /** The size of the cluster shows in the rules of every Service. */
  #sized({ configs }: NodeFacts): Configs {
    return new Map(
      [...configs].map(([family, config]) => [
        family,
        { ...config, largeCluster: isLargeCluster(this.#admission.endpoints(family)) },
      ]),
    );
  }

  #newPlanners(configs: Configs): Planners {
    return new Map(
      this.#families.map((family) => {
        const config = configs.get(family);
        if (config === undefined) throw new Error(`no plan configuration for ${family}`);
        return [family, new RulePlanner(family, config)];
      }),
    );
  }

  #settle(key: string, configs: Configs, planners: Planners, anew: boolean): ServiceChange | undefined {
    const before = this.#entries.get(key);
    const admitted = this.#admission.admitted(key);
    const sameService = sameData(admitted?.service, before?.service);
    const sameRefusals = sameData(admitted?.refused, before?.refused);
    if (sameService && sameRefusals && !anew) return undefined;
    const plans = this.#plan(admitted?.service, before, sameService && !anew, configs);
    for (const [family, planner] of planners) planner.set(key, plans.get(family));
    if (admitted === undefined) this.#entries.delete(key);
    else this.#entries.set(key, { ...admitted, plans });
    if (sameService && sameRefusals && samePlans(before?.plans, plans)) return undefined;
    return {
      key,
      before: before?.service,
      after: admitted?.service,
      plansBefore: before?.plans ?? noPlans,
      plansAfter: plans,
      refused: (admitted?.refused ?? []).filter((one) => !before?.refused.some((old) => sameData(old, one))),
      refusals: admitted?.refused ?? [],
    };
  }

  #plan(service: ProxiedService | undefined, before: Entry | undefined, keep: boolean, configs: Configs): Plans {
    if (service === undefined) return noPlans;
    if (keep && before !== undefined) return before.plans;
    const plans = new Map<Family, ServicePlan>();
    for (const [family, config] of configs) {
      const ports = service.ports.filter((port) => port.family === family);
      if (ports.length > 0) plans.set(family, planService(ports, config));
    }
    return plans;
  }
}

const noPlans: Plans = new Map();

/** How much longer than others it takes to read a Service, in steps of a turn. */
function weightOf(state: ClusterState, key: string): number {
  return state.slices(key).reduce((sum, { endpoints }) => sum + (endpoints?.length ?? 0), 0) / 8;
}

function samePlans(a: Plans | undefined, b: Plans): boolean {
  return sameData(a && plain(a), plain(b));
}

function plain(plans: Plans): unknown {
  return [...plans].map(([family, { chains, rows }]) => [family, chains, rows]);
}

/** Names of the chains in which the Service's rules differ, sorted; shared chains without their table. */
export function changedChains({ plansBefore, plansAfter }: ServiceChange): string[] {
  const changed = new Set<string>();
  for (const family of new Set([...plansBefore.keys(), ...plansAfter.keys()])) {
    const [was, is] = [plansBefore.get(family) ?? noPlan, plansAfter.get(family) ?? noPlan];
    for (const chain of differingChains(was.chains, is.chains)) changed.add(chain);
    // A dispatch chain may be one of nat and one of filter, under one name.
    for (const chain of differingChains(was.rows, is.rows)) changed.add(chain.slice(chain.indexOf(" ") + 1));
  }
  return [...changed].sort();
}

/** Whether the Service's rules in that family differ. */
export function changesRules({ plansBefore, plansAfter }: ServiceChange, family: Family): boolean {
  const [was, is] = [plansBefore.get(family) ?? noPlan, plansAfter.get(family) ?? noPlan];
  return differingChains(was.chains, is.chains).length + differingChains(was.rows, is.rows).length > 0;
}

/** How many rules the Service has. */
export function ruleCount(plans: Plans): number {
  return [...plans.values()].reduce((sum, { chains, rows }) => sum + ruleTotal(chains) + ruleTotal(rows), 0);
}

const noPlan: ServicePlan = { chains: new Map(), rows: new Map() };
