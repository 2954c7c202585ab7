// Scopes of load balancers, driven by their plans in a region in memory.
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { inOrder, isConverged, type Plan, type PlanStep, type ScopeKey } from "../../../src/provider/index.ts";
import { planScope, sharedKey } from "../plan/index.ts";
import type { Action } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { MemoryRegion } from "./memory-region.ts";
import { settings as defaults, id } from "./values.ts";

export interface Wanted {
  readonly lb: DesiredLoadBalancer;
  readonly nodes: readonly NodeTarget[];
}

const own: readonly ScopeKey[] = [
  { kind: "service", id },
  { kind: "members", id },
];
const keys: readonly ScopeKey[] = [sharedKey(id.clusterId), ...own];
const keysOfMode: Readonly<Record<Settings["backends"], readonly ScopeKey[]>> = {
  "endpoint-groups": keys,
  "instance-groups": [sharedKey(id.clusterId, "instance-groups"), ...keys],
};

export class PlannerBed {
  readonly region: MemoryRegion;
  #settings: Settings;
  readonly #onCommit: (action: Action) => void;
  readonly #order: (steps: readonly PlanStep[]) => readonly PlanStep[];

  constructor({
    settings = defaults,
    onCommit = () => {},
    order = inOrder,
  }: {
    settings?: Settings;
    onCommit?: (action: Action) => void;
    /** Which steps of a plan are done, and in which order. */
    order?: (steps: readonly PlanStep[]) => readonly PlanStep[];
  } = {}) {
    this.#settings = settings;
    this.#onCommit = onCommit;
    this.#order = order;
    this.region = new MemoryRegion(settings);
  }

  plan(key: ScopeKey, wanted: Wanted | null): Plan {
    const desired =
      wanted === null
        ? null
        : key.kind === "shared"
          ? ({ kind: "shared", users: [wanted.lb], nodes: wanted.nodes } as const)
          : { kind: key.kind, ...wanted };
    return planScope(key, desired, this.region.observe(key), this.#settings);
  }

  /** As of a controller that is told otherwise. */
  reset(changes: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...changes };
  }

  get #keys(): readonly ScopeKey[] {
    return keysOfMode[this.#settings.backends];
  }

  /** What is left to do, scope by scope. */
  open(wanted: Wanted | null): readonly Plan[] {
    return (wanted === null ? own : this.#keys)
      .map((key) => this.plan(key, wanted))
      .filter((plan) => !isConverged(plan));
  }

  /** Until nothing is left to do in any scope, or until so many actions are done; returns the plans that had steps. */
  converge(wanted: Wanted | null, actions: number = Number.POSITIVE_INFINITY): readonly Plan[] {
    const plans: Plan[] = [];
    let left = actions;
    // Shared things outlive their last user for a while.
    const scopes = wanted === null ? own : this.#keys;
    // A dozen, and one more for each step that fails in a test.
    for (let round = 0; round < 40; round++) {
      let done = true;
      for (const key of scopes) {
        const plan = this.plan(key, wanted);
        done &&= isConverged(plan);
        if (plan.steps.length > 0) plans.push(plan);
        for (const { input } of this.#order(plan.steps)) {
          if (left-- <= 0) return plans;
          this.region.commit(input as Action);
          this.#onCommit(input as Action);
        }
      }
      if (done) return plans;
    }
    throw new Error(`not done: ${scopes.map((key) => this.plan(key, wanted).summary).join("; ")}`);
  }

  /** All that there is, apart from groups that no machine is in. */
  fingerprint(): string {
    const empty = [...this.region.all("endpointGroup")].filter(
      ({ zone, name }) =>
        ![...this.region.endpoints].some(
          ([link, those]) => link.includes(zone) && link.endsWith(name) && those.length > 0,
        ),
    );
    const isEmpty = (link: string): boolean =>
      empty.some(({ zone, name }) => link.includes(`/${zone}/`) && link.endsWith(`/${name}`));
    const lines = [...this.region.resources.values()].flatMap((resource) => {
      if (resource.kind === "endpointGroup" && empty.includes(resource)) return [];
      if (resource.kind !== "backendService") return [JSON.stringify(resource)];
      const backends = resource.backends.filter(({ group }) => !isEmpty(group));
      return [JSON.stringify({ ...resource, backends, fingerprint: undefined })];
    });
    const members = [...this.region.endpoints]
      .filter(([, those]) => those.length > 0)
      .map(
        ([link, those]) =>
          `${link}: ${those
            .map(({ instance }) => instance)
            .sort()
            .join(",")}`,
      );
    return [...lines, ...members].sort().join("\n");
  }
}
