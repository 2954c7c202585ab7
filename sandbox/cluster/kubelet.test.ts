import { beforeEach, expect, it } from "vitest";
import type { Pod } from "../../src/api/index.ts";
import { systemClock } from "../../src/base/index.ts";
import { KubeApiError, type KubeRequest, Store } from "../../src/kube/index.ts";
import { createMetrics, nullLogger } from "../../src/telemetry/index.ts";
import { planCluster } from "./address-plan.ts";
import { Kubelet } from "./kubelet.ts";

const { signal } = new AbortController();
const { nodes } = planCluster("000000", 2, ["IPv4"]);
let events: string[] = [];
let ready = false;
let ended = false;
let missing = false;
let pods: Store<Pod>;
let kubelet: Kubelet;

beforeEach(() => {
  events = [];
  ready = ended = missing = false;
  pods = new Store<Pod>({ kind: "Pod", logger: nullLogger, metrics: createMetrics() });
  kubelet = new Kubelet({
    pods,
    nodes,
    clock: systemClock,
    logger: nullLogger,
    client: {
      async patch(_resource, { subresource }, { body }) {
        const { status } = body as unknown as { status: NonNullable<Pod["status"]> };
        events.push(
          `${subresource} ${status.phase} ${status.conditions?.find(({ type }) => type === "Ready")?.status}`,
        );
        const before = pods.get("shop/web")!;
        const metadata = { ...before.metadata, resourceVersion: `${Number(before.metadata.resourceVersion) + 1}` };
        return { ...before, metadata, status } as never;
      },
      async request({ method, path, body }: KubeRequest) {
        if (missing) throw new KubeApiError({ code: 404, reason: "NotFound" });
        const { gracePeriodSeconds, preconditions } = body as { gracePeriodSeconds: number; preconditions: object };
        events.push(`${method} ${path} ${gracePeriodSeconds} ${JSON.stringify(preconditions)}`);
        return undefined as never;
      },
    },
    runner: {
      async run({ metadata: { uid = "" } }, { name }) {
        events.push(`run ${uid} on ${name}`);
        return {
          uid,
          async look() {
            const container = { name: "c", image: "i", running: true, ready, restarts: 0, startedAt: "t" };
            return { hostAddresses: [], addresses: ["10.0.0.1"], startedAt: "t", containers: [container] };
          },
          terminate(graceMs) {
            events.push(`terminate within ${graceMs}`);
            return ended;
          },
          async remove() {
            events.push(`remove ${uid}`);
          },
        };
      },
    },
  });
});

let version = 0;

function set(facts: { node?: string; uid?: string; ending?: number } | undefined): void {
  const { node, uid = "u1", ending } = facts ?? {};
  version += 10;
  const metadata = {
    name: "web",
    namespace: "shop",
    uid,
    resourceVersion: `${version}`,
    ...(ending === undefined ? {} : { deletionTimestamp: "t", deletionGracePeriodSeconds: ending }),
  };
  const before = pods.get("shop/web");
  const status = before?.metadata.uid === uid ? before.status : undefined;
  const spec = { containers: [], ...(node === undefined ? {} : { nodeName: node }) };
  const pod: Pod = { metadata, spec, ...(status === undefined ? {} : { status }) };
  pods.apply(facts === undefined ? "DELETED" : "MODIFIED", pod);
}

async function step(): Promise<string[]> {
  events = [];
  await kubelet.reconcile("shop/web", signal);
  return events;
}

const forget = 'DELETE /api/v1/namespaces/shop/pods/web 0 {"uid":"u1"}';

it("runs a pod of its nodes once, and writes only what is new", async () => {
  set({});
  expect(await step()).toEqual([]);
  set({ node: "elsewhere" });
  expect(await step()).toEqual([]);
  set({ node: "node2" });
  expect(await step()).toEqual(["run u1 on node2", "status Running False"]);
  expect(await step()).toEqual([]);
  ready = true;
  expect(await step()).toEqual(["status Running True"]);
  expect(await step()).toEqual([]);
});

it("looks often while a pod is on its way, and seldom once it is ready", async () => {
  set({ node: "node1" });
  expect(await kubelet.reconcile("shop/web", signal)).toEqual({ requeueAfterMs: 25 });
  ready = true;
  expect(await kubelet.reconcile("shop/web", signal)).toEqual({ requeueAfterMs: 1000 });
});

it("lets a pod end in order and takes its object away when nothing runs any more", async () => {
  set({ node: "node1" });
  await step();
  set({ node: "node1", ending: 7 });
  ready = true;
  expect(await step()).toEqual(["terminate within 7000", "status Running True"]);
  ready = false;
  expect(await step()).toEqual(["terminate within 7000", "status Running False"]);
  ended = true;
  expect(await step()).toEqual(["terminate within 7000", "remove u1", forget]);
  missing = true;
  expect(await step()).toEqual([]);
});

it("forgets a pod that was deleted before it ran", async () => {
  set({ node: "node1", ending: 30 });
  expect(await step()).toEqual([forget]);
});

it("removes what runs when its object went without grace, or another came in its place", async () => {
  set({ node: "node1" });
  await step();
  set({ node: "node1", uid: "u2" });
  expect(await step()).toEqual(["remove u1", "run u2 on node1", "status Running False"]);
  set(undefined);
  expect(await step()).toEqual(["remove u2"]);
});
