import type { Pod } from "../../src/api/index.ts";

export type PodStatus = NonNullable<Pod["status"]>;

/** What the node knows of one container. */
export interface ContainerFacts {
  readonly name: string;
  readonly image: string;
  readonly running: boolean;
  readonly ready: boolean;
  readonly restarts: number;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Why it will never run, as far as the node can tell. */
  readonly waiting?: { readonly reason: string; readonly message: string };
}

/** What the node knows of a pod. */
export interface PodFacts {
  readonly hostAddresses: readonly string[];
  readonly addresses: readonly string[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly containers: readonly ContainerFacts[];
}

/** Pure: the status that says these facts, with the times of conditions that did not change kept. */
export function podStatus(before: PodStatus | undefined, facts: PodFacts, now: string): PodStatus {
  const ready = facts.containers.every((container) => container.ready);
  const running = facts.containers.some((container) => container.running);
  const notReady = { reason: "ContainersNotReady", message: "containers with unready status" };
  const condition = (type: string, holds: boolean): NonNullable<PodStatus["conditions"]>[number] => {
    const old = before?.conditions?.find((known) => known.type === type);
    const status = holds ? "True" : "False";
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? now) : now;
    return { type, status, lastTransitionTime, ...(holds ? {} : notReady) };
  };
  return {
    phase: running || before?.phase === "Running" ? "Running" : "Pending",
    ...listed("podIP", "podIPs", facts.addresses),
    ...listed("hostIP", "hostIPs", facts.hostAddresses),
    startTime: facts.startedAt,
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", true),
      condition("ContainersReady", ready),
      condition("Ready", ready),
    ],
    containerStatuses: facts.containers.map(({ name, image, ready, running, restarts, startedAt, waiting }) => ({
      name,
      image,
      imageID: image,
      ready,
      started: running,
      restartCount: restarts,
      state: running
        ? { running: { startedAt } }
        : { waiting: waiting ?? { reason: "CrashLoopBackOff", message: "the container ended and is started again" } },
    })),
  };
}

/** Kubernetes says the first address twice: alone, and in the list of all. */
function listed(one: "podIP" | "hostIP", all: "podIPs" | "hostIPs", addresses: readonly string[]): Partial<PodStatus> {
  return addresses.length === 0 ? {} : { [one]: addresses[0], [all]: addresses.map((ip) => ({ ip })) };
}
