import { expect, it } from "vitest";
import { KubeApiError, type KubeClient } from "../kube/index.ts";
import { cleanNodes, type DaemonSet } from "./agent-uninstall.ts";

const { signal } = new AbortController();
const flags = { namespace: "kube-system", daemonset: "berth-agent", timeout: 60_000 };
const args = ["agent", "--config=/etc/berth/agent.yaml"];

function daemonSet(status: object, more: readonly string[] = [], generation = 2): DaemonSet {
  const metadata = { namespace: "kube-system", name: "berth-agent", generation };
  const container = { name: "agent", image: "berth-agent:1", args: [...args, ...more] };
  const template = { metadata: {}, spec: { containers: [container], hostNetwork: true } };
  return { metadata, spec: { template }, status };
}

function status(observedGeneration: number, updatedNumberScheduled: number, numberReady: number): object {
  return { observedGeneration, desiredNumberScheduled: 3, updatedNumberScheduled, numberReady };
}

/** Answers one after the other; the last one again and again. */
function server(...answers: readonly (DaemonSet | number)[]) {
  const patches: object[] = [];
  const left = [...answers];
  const next = (): DaemonSet => {
    const answer = (left.length > 1 ? left.shift() : left[0]) ?? 404;
    if (typeof answer !== "number") return answer;
    const reason = { 403: "Forbidden", 404: "NotFound", 409: "Conflict" }[answer] ?? "";
    throw new KubeApiError({ code: answer, reason, message: `${reason}!` });
  };
  const client = {
    get: async () => next(),
    mergePatch: async (_resource: unknown, _object: unknown, patch: object) => {
      patches.push(patch);
      return next();
    },
  } as unknown as Pick<KubeClient, "get" | "mergePatch">;
  return { client, patches };
}

const cleaner = ["--cleanup-and-stay"];

it("gives every pod the one task, all at once, and waits until the last node is clean", async () => {
  const { client, patches } = server(
    daemonSet(status(1, 3, 3), [], 1),
    daemonSet(status(1, 3, 3), cleaner),
    daemonSet(status(2, 1, 2), cleaner),
    daemonSet(status(2, 3, 2), cleaner),
    409,
    daemonSet(status(2, 3, 3), cleaner),
  );
  expect(await cleanNodes(client, flags, signal)).toBe(3);
  expect(patches).toEqual([
    {
      spec: {
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "100%", maxSurge: 0 } },
        template: { spec: { containers: [{ name: "agent", image: "berth-agent:1", args: [...args, ...cleaner] }] } },
      },
    },
  ]);
});

it("changes nothing when it is run again", async () => {
  const { client, patches } = server(daemonSet(status(2, 3, 3), cleaner));
  expect(await cleanNodes(client, flags, signal)).toBe(3);
  expect(patches).toEqual([]);
});

it("has nothing to do without agents", async () => {
  expect(await cleanNodes(server(404).client, flags, signal)).toBe(0);
});

it.each<[what: string, answer: DaemonSet | number, says: RegExp]>([
  [
    "a node that stays as it is",
    daemonSet(status(2, 3, 2), cleaner),
    /^2 of 3 nodes are clean after 0s; see why others are not by `kubectl --namespace kube-system get pods .*run it again/,
  ],
  [
    "a right that is missing",
    403,
    /^Forbidden!.*; allow `get, patch daemonsets.apps berth-agent in kube-system`, as the role berth-uninstall-agent/,
  ],
])("says what to do about %s", async (_, answer, says) => {
  await expect(cleanNodes(server(answer).client, { ...flags, timeout: 0 }, signal)).rejects.toThrow(says);
});
