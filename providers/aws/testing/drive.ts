// Brings a world to where a wish wants it, as the engine does: scope by scope, round by round.
import { assertNever } from "../../../src/base/index.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { executePlan, isConverged, type Plan, type PlanStep, type PlanTime } from "../../../src/provider/index.ts";
import { type NlbSettings, planAbsent, planMembers, planPresent, planShared, planUnshared } from "../plan/index.ts";
import type { World } from "./world.ts";

export const settings: NlbSettings = {
  region: "eu-west-1",
  agents: true,
  nodePortRange: { first: 30_000, last: 32_767 },
  maxRules: 60,
};

export interface Wish {
  /** Null: it goes. */
  readonly lb: DesiredLoadBalancer | null;
  readonly nodes: readonly NodeTarget[];
}

export interface Planned {
  readonly scope: "shared" | "service" | "members";
  readonly plan: Plan;
}

const maxRounds = 60;
const roundMs = 30_000;

export interface DriveOptions {
  /** After each step. */
  readonly onStep?: (step: PlanStep) => void;
  /** Between rounds; by default AWS does what it does by itself. */
  readonly onRound?: (round: number) => void;
  /** Steps are taken until this many are done, then it ends as a process does that is killed. */
  readonly steps?: number;
}

/** Until nothing is left to do or to wait for; returns all plans that were not empty. */
export async function drive(
  world: World,
  id: DesiredLoadBalancer["id"],
  wish: Wish,
  { onStep = () => {}, onRound = () => world.settle(), steps = Number.POSITIVE_INFINITY }: DriveOptions = {},
): Promise<readonly Planned[]> {
  const planned: Planned[] = [];
  const seen = new Map<string, number>();
  let left = steps;
  for (let round = 0; round < maxRounds; round++) {
    const now = round * roundMs;
    const time: PlanTime = {
      now,
      since: (waitId) => now - (seen.get(waitId) ?? now),
    };
    let isDone = true;
    for (const scope of ["shared", "service", "members"] as const) {
      const plan = planOf(world, id, wish, scope, time);
      for (const wait of plan.waits) if (!seen.has(wait.id)) seen.set(wait.id, now);
      if (isConverged(plan)) continue;
      isDone = false;
      planned.push({ scope, plan });
      const outcomes = await executePlan(plan, {
        mayWrite: () => (left > 0 ? undefined : "the process is gone"),
        apply: async (step, outputs) => {
          left--;
          const result = world.mutations.apply(step, outputs);
          onStep(step);
          return { state: "done", outputs: result };
        },
      });
      for (const outcome of outcomes) if (outcome.state === "failed") throw outcome.error;
      if (left <= 0) return planned;
    }
    if (isDone) return planned;
    onRound(round);
  }
  throw new Error(`not done: ${JSON.stringify(planned.slice(-3).map(({ plan }) => plan.summary))}`);
}

function planOf(
  world: World,
  id: DesiredLoadBalancer["id"],
  { lb, nodes }: Wish,
  scope: Planned["scope"],
  time: PlanTime,
): Plan {
  switch (scope) {
    case "shared":
      return lb === null
        ? world.loadBalancers.length > 0
          ? planShared(id.clusterId, [], nodes, world.shared(id.clusterId), time, settings)
          : planUnshared(id.clusterId, world.shared(id.clusterId))
        : planShared(id.clusterId, [lb], nodes, world.shared(id.clusterId), time, settings);
    case "service":
      return lb === null
        ? planAbsent(id, world.service(id))
        : planPresent(lb, nodes, world.service(id), time, settings);
    case "members":
      return lb === null ? nothing : planMembers(lb, nodes, world.members(id), time, settings);
    default:
      return assertNever(scope, "scope");
  }
}

const nothing: Plan = { steps: [], waits: [], replacesAddress: false, summary: "", hash: "" };
