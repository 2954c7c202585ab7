import type { Deployment, Pod, ReplicaSet } from "../../src/api/index.ts";
import { isControlledBy, isPodActive, isPodReady, labelsMatch, shortHash } from "./objects.ts";

export const templateHashLabel = "pod-template-hash";
const revisionAnnotation = "deployment.kubernetes.io/revision";

/** What a ReplicaSet lacks or has too many of, and what its status should say. */
export interface ReplicaSetPlan {
  readonly create: number;
  /** Names of pods. */
  readonly remove: readonly string[];
  readonly status: NonNullable<ReplicaSet["status"]>;
}

/** Pure. */
export function planReplicaSet(replicaSet: ReplicaSet, pods: readonly Pod[]): ReplicaSetPlan {
  const { metadata, spec } = replicaSet;
  const own = pods.filter((pod) => isPodActive(pod) && isControlledBy(pod.metadata, metadata.uid));
  const ready = own.filter(isPodReady).length;
  const wanted = metadata.deletionTimestamp === undefined ? (spec?.replicas ?? 1) : own.length;
  return {
    create: Math.max(0, wanted - own.length),
    remove: own
      .sort(leastMissedFirst)
      .slice(0, Math.max(0, own.length - wanted))
      .map((pod) => pod.metadata.name ?? ""),
    status: {
      replicas: own.length,
      fullyLabeledReplicas: own.filter((pod) =>
        labelsMatch(spec?.template?.metadata?.labels ?? {}, pod.metadata.labels),
      ).length,
      readyReplicas: ready,
      availableReplicas: ready,
      ...observed(metadata.generation),
    },
  };
}

/** Not yet placed, then not ready, then the youngest. */
function leastMissedFirst(a: Pod, b: Pod): number {
  const rank = (pod: Pod): number => (pod.spec?.nodeName === undefined ? 0 : isPodReady(pod) ? 2 : 1);
  const age = (pod: Pod): string => pod.metadata.creationTimestamp ?? "";
  return (
    rank(a) - rank(b) || age(b).localeCompare(age(a)) || (a.metadata.name ?? "").localeCompare(b.metadata.name ?? "")
  );
}

/** The pod that a ReplicaSet makes, without a name: the server gives it one. */
export function podOf({ metadata, spec }: ReplicaSet): Pod {
  const { name = "", namespace, uid = "" } = metadata;
  const { labels, annotations } = spec?.template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    ...(spec?.template?.spec === undefined ? {} : { spec: spec.template.spec }),
  };
}

/** The next move of a Deployment, and what its status should say. */
export interface DeploymentPlan {
  readonly create?: ReplicaSet;
  /** Name of a ReplicaSet -> its size. */
  readonly scale: ReadonlyMap<string, number>;
  /** Names of old ReplicaSets beyond the history limit. */
  readonly remove: readonly string[];
  readonly status: Omit<NonNullable<Deployment["status"]>, "conditions">;
  readonly available: boolean;
  readonly complete: boolean;
}

/** Pure. Every move keeps to maxSurge and maxUnavailable; the next one follows when pods have become ready. */
export function planDeployment(deployment: Deployment, replicaSets: readonly ReplicaSet[]): DeploymentPlan {
  const { metadata, spec } = deployment;
  const replicas = spec?.replicas ?? 1;
  const hash = shortHash(spec?.template);
  const own = replicaSets.filter((set) => isControlledBy(set.metadata, metadata.uid));
  const current = own.find((set) => set.metadata.labels?.[templateHashLabel] === hash);
  const old = own.filter((set) => set !== current).sort((a, b) => revision(a) - revision(b));
  const revisionNext = Math.max(0, ...own.map(revision)) + 1;
  const { size, oldSizes } = rollout(deployment, replicas, current, old);
  const scale = new Map<string, number>();
  if (current !== undefined && sizeOf(current) !== size) scale.set(current.metadata.name ?? "", size);
  for (const [i, set] of old.entries()) {
    const wanted = oldSizes[i] ?? 0;
    if (sizeOf(set) !== wanted) scale.set(set.metadata.name ?? "", wanted);
  }
  const sum = (of: (status: NonNullable<ReplicaSet["status"]>) => number | undefined): number =>
    own.reduce((total, { status }) => total + (status === undefined ? 0 : (of(status) ?? 0)), 0);
  const total = sum((status) => status.replicas);
  const ready = sum((status) => status.readyReplicas);
  const updated = current?.status?.replicas ?? 0;
  const finished = old.filter((set) => sizeOf(set) === 0 && (set.status?.replicas ?? 0) === 0);
  return {
    ...(current === undefined ? { create: replicaSetOf(deployment, hash, size, revisionNext) } : {}),
    scale,
    remove: finished
      .slice(0, Math.max(0, finished.length - (spec?.revisionHistoryLimit ?? 10)))
      .map((set) => set.metadata.name ?? ""),
    status: {
      replicas: total,
      updatedReplicas: updated,
      readyReplicas: ready,
      availableReplicas: ready,
      unavailableReplicas: Math.max(0, Math.max(total, replicas) - ready),
      ...observed(metadata.generation),
    },
    available: ready >= replicas - bounds(deployment, replicas).unavailable,
    complete: updated === replicas && total === replicas && ready === replicas,
  };
}

/** Pure: what `kubectl rollout status` and `kubectl wait` look at, with the times of what did not change kept. */
export function deploymentConditions(
  before: NonNullable<Deployment["status"]>["conditions"],
  { available, complete }: DeploymentPlan,
  now: string,
): NonNullable<NonNullable<Deployment["status"]>["conditions"]> {
  const wanted = [
    available
      ? { type: "Available", status: "True", reason: "MinimumReplicasAvailable" }
      : { type: "Available", status: "False", reason: "MinimumReplicasUnavailable" },
    { type: "Progressing", status: "True", reason: complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated" },
  ];
  return wanted.map((condition) => {
    const old = before?.find(({ type }) => type === condition.type);
    const same = old?.status === condition.status;
    const lastUpdateTime = same && old.reason === condition.reason ? (old.lastUpdateTime ?? now) : now;
    return { ...condition, lastTransitionTime: same ? (old.lastTransitionTime ?? now) : now, lastUpdateTime };
  });
}

/** How many pods the current and each old ReplicaSet should have now. */
function rollout(
  deployment: Deployment,
  replicas: number,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): { size: number; oldSizes: number[] } {
  const oldPods = old.reduce((total, set) => total + Math.max(sizeOf(set), set.status?.replicas ?? 0), 0);
  if (deployment.spec?.strategy?.type === "Recreate")
    return { size: oldPods > 0 ? 0 : replicas, oldSizes: old.map(() => 0) };
  const { surge, unavailable } = bounds(deployment, replicas);
  const size = current === undefined ? 0 : sizeOf(current);
  const oldWanted = old.reduce((total, set) => total + sizeOf(set), 0);
  const grown = Math.min(replicas, Math.max(size, replicas + surge - oldWanted));
  // Old pods that are not ready are of no use to anybody and go first; then as many as the new ones replace.
  let available =
    (current?.status?.availableReplicas ?? 0) + old.reduce((n, set) => n + (set.status?.availableReplicas ?? 0), 0);
  const least = replicas - unavailable;
  const oldSizes = old.map((set) => {
    const useless = sizeOf(set) - Math.min(sizeOf(set), set.status?.availableReplicas ?? 0);
    const removable = Math.max(0, Math.min(sizeOf(set) - useless, available - least));
    available -= removable;
    return sizeOf(set) - useless - removable;
  });
  return { size: grown, oldSizes };
}

/** Defaults and rounding of Kubernetes: a quarter, the surge rounded up, the gap down, never both nought. */
function bounds({ spec }: Deployment, replicas: number): { surge: number; unavailable: number } {
  const count = (value: number | string = "25%", round: (x: number) => number): number =>
    typeof value === "number" ? value : round((replicas * Number.parseInt(value, 10)) / 100);
  const surge = count(spec?.strategy?.rollingUpdate?.maxSurge, Math.ceil);
  const unavailable = count(spec?.strategy?.rollingUpdate?.maxUnavailable, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function replicaSetOf(
  { metadata, spec }: Deployment,
  hash: string,
  replicas: number,
  revisionNext: number,
): ReplicaSet {
  const { name = "", namespace, uid = "" } = metadata;
  const template = spec?.template ?? {};
  const hashed = { ...template.metadata?.labels, [templateHashLabel]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: hashed,
      annotations: { [revisionAnnotation]: String(revisionNext) },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: {
      replicas,
      selector: { ...spec?.selector, matchLabels: { ...spec?.selector?.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels: hashed } },
    },
  };
}

function sizeOf({ spec }: ReplicaSet): number {
  return spec?.replicas ?? 1;
}

function revision({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0);
}

function observed(generation: number | undefined): { observedGeneration?: number } {
  return generation === undefined ? {} : { observedGeneration: generation };
}
