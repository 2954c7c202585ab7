import { expect, it } from "vitest";
import { type ContainerFacts, type PodFacts, podStatus } from "./pod-status.ts";

const container: ContainerFacts = { name: "c", image: "i", running: true, ready: true, restarts: 0, startedAt: "t0" };

function facts(...containers: Partial<ContainerFacts>[]): PodFacts {
  return {
    addresses: ["10.0.0.1", "fd00::1"],
    hostAddresses: ["172.30.0.11", "fd00:30::11"],
    startedAt: "t0",
    containers: containers.map((some) => ({ ...container, ...some })),
  };
}

it("says of a pod that runs what its kubelet would", () => {
  expect(podStatus(undefined, facts({}), "t1")).toEqual({
    phase: "Running",
    podIP: "10.0.0.1",
    podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }],
    hostIP: "172.30.0.11",
    hostIPs: [{ ip: "172.30.0.11" }, { ip: "fd00:30::11" }],
    startTime: "t0",
    conditions: ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
      type,
      status: "True",
      lastTransitionTime: "t1",
    })),
    containerStatuses: [
      {
        name: "c",
        image: "i",
        imageID: "i",
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: "t0" } },
      },
    ],
  });
});

it("is ready when every container is, and moves a time only with its condition", () => {
  const before = podStatus(undefined, facts({}, { ready: false }), "t1");
  expect(before.conditions?.at(-1)).toMatchObject({ type: "Ready", status: "False", reason: "ContainersNotReady" });
  expect(podStatus(before, facts({}, { ready: false }), "t2")).toEqual(before);
  const after = podStatus(before, facts({}, {}), "t3");
  expect(after.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual(["t1", "t1", "t3", "t3"]);
  expect(after.conditions?.at(-1)).toEqual({ type: "Ready", status: "True", lastTransitionTime: "t3" });
});

it("says why a container does not run", () => {
  const waiting = { reason: "ErrImagePull", message: "no" };
  const never = podStatus(undefined, facts({ running: false, ready: false, waiting }), "t1");
  expect([never.phase, never.containerStatuses?.[0]?.state]).toEqual(["Pending", { waiting }]);
  const again = podStatus({ phase: "Running" }, facts({ running: false, ready: false, restarts: 1 }), "t1");
  expect([again.phase, again.containerStatuses?.[0]?.state?.waiting?.reason]).toEqual(["Running", "CrashLoopBackOff"]);
});
