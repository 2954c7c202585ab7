import fc from "fast-check";
import { expect, it } from "vitest";
import type { Deployment, Pod, ReplicaSet } from "../../src/api/index.ts";
import { type DeploymentPlan, deploymentConditions, planDeployment, planReplicaSet, podOf } from "./workloads.ts";

type Strategy = NonNullable<NonNullable<Deployment["spec"]>["strategy"]>;

function deployment(replicas: number, image = "v1", strategy?: Strategy): Deployment {
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image }] } };
  return {
    metadata: { name: "web", namespace: "shop", uid: "u-web", generation: 7 },
    spec: { replicas, selector: { matchLabels: { app: "web" } }, template, ...(strategy && { strategy }) },
  };
}

function owned(set: Partial<ReplicaSet["metadata"]>, pods: readonly [name: string, facts: Partial<Pod>][]): Pod[] {
  return pods.map(([name, facts]) => ({
    ...facts,
    metadata: {
      name,
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: set.uid ?? "", controller: true },
      ],
      ...facts.metadata,
    },
  }));
}

const ready = { spec: { nodeName: "n1", containers: [] }, status: { conditions: [{ type: "Ready", status: "True" }] } };
const placed = { spec: { nodeName: "n1", containers: [] } };

it("first gives up the pods that nobody would miss", () => {
  const set = { metadata: { uid: "u1", generation: 2 }, spec: { replicas: 2, selector: {} } } as ReplicaSet;
  const old = { ...ready, metadata: { creationTimestamp: "2026-01-01T00:00:00Z" } };
  const young = { ...ready, metadata: { creationTimestamp: "2026-01-02T00:00:00Z" } };
  const ending = { ...ready, metadata: { deletionTimestamp: "2026-01-02T00:00:00Z" } };
  const pods = owned(set.metadata, [
    ["old", old],
    ["young", young],
    ["unready", placed],
    ["unplaced", {}],
    ["ending", ending],
    ["failed", { status: { phase: "Failed" } }],
  ]);
  expect(planReplicaSet(set, pods)).toMatchObject({ create: 0, remove: ["unplaced", "unready"] });
  expect(planReplicaSet({ ...set, spec: { ...set.spec!, replicas: 1 } }, pods).remove).toEqual([
    "unplaced",
    "unready",
    "young",
  ]);
  expect(planReplicaSet(set, pods).status).toMatchObject({ replicas: 4, readyReplicas: 2, observedGeneration: 2 });
});

it("counts only its own pods", () => {
  const set = { metadata: { uid: "u1" }, spec: { replicas: 2, selector: {} } } as ReplicaSet;
  expect(planReplicaSet(set, owned({ uid: "u2" }, [["other", ready]]))).toMatchObject({ create: 2, remove: [] });
});

it("makes ReplicaSets and pods that are found again by their owner and labels", () => {
  const { create } = planDeployment(deployment(3), []);
  expect(create).toMatchObject({
    metadata: {
      name: expect.stringMatching(/^web-[0-9a-f]{10}$/),
      annotations: { "deployment.kubernetes.io/revision": "1" },
      ownerReferences: [{ kind: "Deployment", name: "web", uid: "u-web", controller: true }],
    },
    spec: { replicas: 3, selector: { matchLabels: { app: "web", "pod-template-hash": expect.any(String) } } },
  });
  const pod = podOf({ ...create!, metadata: { ...create!.metadata, uid: "u-rs" } });
  expect(pod.metadata.generateName).toBe(`${create!.metadata.name}-`);
  expect(pod.metadata.labels).toEqual(create!.spec!.selector.matchLabels);
  expect(pod.spec?.containers[0]?.image).toBe("v1");
});

it("says Available and Progressing as kubectl reads them, and moves a time only with its news", () => {
  const facts = (available: boolean, complete: boolean): DeploymentPlan =>
    ({ available, complete }) as unknown as DeploymentPlan;
  const first = deploymentConditions(undefined, facts(false, false), "t1");
  expect(first).toEqual([
    {
      type: "Available",
      status: "False",
      reason: "MinimumReplicasUnavailable",
      lastTransitionTime: "t1",
      lastUpdateTime: "t1",
    },
    {
      type: "Progressing",
      status: "True",
      reason: "ReplicaSetUpdated",
      lastTransitionTime: "t1",
      lastUpdateTime: "t1",
    },
  ]);
  expect(deploymentConditions(first, facts(false, false), "t2")).toEqual(first);
  expect(deploymentConditions(first, facts(true, true), "t3")).toEqual([
    {
      type: "Available",
      status: "True",
      reason: "MinimumReplicasAvailable",
      lastTransitionTime: "t3",
      lastUpdateTime: "t3",
    },
    {
      type: "Progressing",
      status: "True",
      reason: "NewReplicaSetAvailable",
      lastTransitionTime: "t1",
      lastUpdateTime: "t3",
    },
  ]);
});

it("keeps so many old ReplicaSets as the history may be long", () => {
  let world: ReplicaSet[] = [];
  for (const image of ["v1", "v2", "v3", "v4"]) world = roll(deployment(1, image), world, () => 1).sets;
  const limited = deployment(1, "v4");
  const { remove } = planDeployment({ ...limited, spec: { ...limited.spec!, revisionHistoryLimit: 1 } }, world);
  const revisions = world.filter(({ metadata }) => remove.includes(metadata.name ?? ""));
  expect(revisions.map(({ metadata }) => metadata.annotations?.["deployment.kubernetes.io/revision"])).toEqual([
    "1",
    "2",
  ]);
});

/** ReplicaSets of a perfect world: at each tick pods are made and removed, and some of the new ones become ready. */
function roll(
  wanted: Deployment,
  start: readonly ReplicaSet[],
  readyPerTick: (tick: number) => number,
): { sets: ReplicaSet[]; plans: DeploymentPlan[] } {
  let sets = [...start];
  const plans: DeploymentPlan[] = [];
  for (let tick = 0; tick < 200; tick++) {
    const plan = planDeployment(wanted, sets);
    plans.push(plan);
    if (plan.create !== undefined)
      sets.push({ ...plan.create, metadata: { ...plan.create.metadata, uid: `u${tick}` } });
    sets = sets.map((set) => {
      const replicas = plan.scale.get(set.metadata.name ?? "") ?? set.spec?.replicas ?? 0;
      const before = set.status?.availableReplicas ?? 0;
      const available = Math.min(replicas, before + readyPerTick(tick));
      const status = { replicas, readyReplicas: available, availableReplicas: available };
      return { ...set, spec: { ...set.spec!, replicas }, status };
    });
    if (plan.complete) break;
  }
  return { sets, plans };
}

function total(sets: readonly ReplicaSet[], of: "replicas" | "availableReplicas"): number {
  return sets.reduce((sum, { status }) => sum + (status?.[of] ?? 0), 0);
}

it("rolls to the new template within its bounds, whatever the pace", () => {
  const bound = fc.oneof(fc.nat(3), fc.constantFrom("0%", "25%", "50%", "100%"));
  const pace = fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }).filter((steps) => steps.some((n) => n > 0));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), bound, bound, pace, (replicas, maxSurge, maxUnavailable, steps) => {
      const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } };
      const before = roll(deployment(replicas, "v1", strategy), [], () => 9);
      expect(before.plans.at(-1)?.complete).toBe(true);
      const after = roll(deployment(replicas, "v2", strategy), before.sets, (tick) => steps[tick % steps.length] ?? 0);
      const number = (value: number | string, round: (x: number) => number): number =>
        typeof value === "number" ? value : round((replicas * Number.parseInt(value, 10)) / 100);
      const surge = number(maxSurge, Math.ceil);
      const gap = surge === 0 ? Math.max(1, number(maxUnavailable, Math.floor)) : number(maxUnavailable, Math.floor);
      for (const { status } of after.plans) {
        expect(status.replicas).toBeLessThanOrEqual(replicas + surge);
        expect(status.availableReplicas).toBeGreaterThanOrEqual(replicas - gap);
      }
      expect(after.plans.at(-1)?.complete).toBe(true);
      expect([total(after.sets, "replicas"), total(after.sets, "availableReplicas")]).toEqual([replicas, replicas]);
    }),
  );
});

it("with Recreate no old pod meets a new one", () => {
  const before = roll(deployment(3, "v1", { type: "Recreate" }), [], () => 3);
  const after = roll(deployment(3, "v2", { type: "Recreate" }), before.sets, () => 1);
  expect(after.plans.at(-1)?.complete).toBe(true);
  const [first, second, third] = after.plans;
  expect([first?.create?.spec?.replicas, [...(first?.scale.values() ?? [])]]).toEqual([0, [0]]);
  expect([...(second?.scale.values() ?? []), ...(third?.scale.values() ?? [])]).toEqual([3]);
});
