import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  type Deployment,
  deployments,
  endpointSlices,
  namespaces,
  type Pod,
  pods,
  replicaSets,
  type Service,
  services,
} from "../../src/api/index.ts";
import { type Clock, systemClock } from "../../src/base/index.ts";
import { KubeClient, staticConnection } from "../../src/kube/index.ts";
import { parseCidr } from "../../src/net/index.ts";
import { nullLogger } from "../../src/telemetry/index.ts";
import { startApiServer } from "../apiserver/index.ts";
import { planCluster } from "./address-plan.ts";
import { Kubelet, type Runner } from "./kubelet.ts";
import { Loops } from "./loops.ts";
import { registerNodes } from "./node-objects.ts";
import { ClusterState } from "./state.ts";

const { signal } = new AbortController();
const plan = planCluster("000000", 3, ["IPv4"]);
/** Waits run out fifty times as fast. */
const clock: Clock = { ...systemClock, schedule: (run, delayMs) => systemClock.schedule(run, delayMs / 50) };
const metrics = new Registry();

let stack: AsyncDisposableStack;
let client: KubeClient;
let looks = 0;

/** Pods that are ready as soon as they run, and end at once. */
const runner: Runner = {
  async run({ metadata: { uid = "" } }) {
    const [a, b] = [Number.parseInt(uid.slice(0, 2), 16), Number.parseInt(uid.slice(2, 4), 16)];
    const container = {
      name: "c",
      image: "i",
      running: true,
      ready: true,
      restarts: 0,
      startedAt: "2026-01-01T00:00:00Z",
    };
    return {
      uid,
      async look() {
        looks += 1;
        const { startedAt } = container;
        return { addresses: [`10.244.${a}.${b}`], hostAddresses: [], startedAt, containers: [container] };
      },
      terminate: () => true,
      async remove() {},
    };
  },
};

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const server = stack.use(
    await startApiServer({
      listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
      serviceCidrs: [parseCidr("10.96.0.0/16")!],
      nodePorts: { first: 30_000, last: 32_767 },
    }),
  );
  const connection = staticConnection(server.urls[0] ?? "", { headers: { authorization: `Bearer ${server.token}` } });
  client = stack.use(new KubeClient({ connection, metrics }));
  await registerNodes(
    client,
    plan,
    { now: "2026-01-01T00:00:00Z", providerId: ({ name }) => `test://${name}` },
    signal,
  );
  const state = new ClusterState({ client, clock, logger: nullLogger, metrics });
  const kubelet = new Kubelet({ client, pods: state.pods, nodes: plan.nodes, runner, clock, logger: nullLogger });
  const loops = new Loops({ client, state, kubelet, clock, logger: nullLogger, metrics });
  const stop = new AbortController();
  const ended = Promise.all([state.run(stop.signal), loops.run(stop.signal)]);
  stack.defer(async () => {
    stop.abort();
    await ended;
  });
});
afterEach(() => stack.disposeAsync());

function deployment(replicas: number, image = "v1"): Deployment {
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image }] } };
  return {
    metadata: { name: "web", namespace: "default" },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

const service: Service = {
  metadata: { name: "web", namespace: "default" },
  spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
};

async function list(): Promise<Pod[]> {
  return (await client.listAll(pods, {}, signal)).items;
}

/** Far beyond what a slow machine needs. */
function eventually<T>(probe: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(probe, { timeout: 30_000, interval: 20 });
}

/** The Deployment once all of its pods, and no others, are available. */
async function settled(replicas: number): Promise<Deployment> {
  return await eventually(async () => {
    const object = await client.get(deployments, { namespace: "default", name: "web" }, signal);
    const { status, metadata } = object;
    expect([
      status?.observedGeneration,
      status?.replicas ?? 0,
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
    ]).toEqual([metadata.generation, replicas, replicas, replicas]);
    expect(await list()).toHaveLength(replicas);
    return object;
  });
}

/** The names of the pods that the Service may send to. */
async function endpoints(): Promise<string[]> {
  const { items } = await client.listAll(endpointSlices, { labelSelector: "kubernetes.io/service-name=web" }, signal);
  const all = items.flatMap((slice) => slice.endpoints ?? []);
  return all
    .filter(({ conditions }) => conditions?.ready === true)
    .map(({ targetRef }) => targetRef?.name ?? "")
    .sort();
}

it("brings up what is wanted, spread over the nodes, and then writes nothing more", { timeout: 60_000 }, async () => {
  await client.create(services, service, signal);
  await client.create(deployments, deployment(7), signal);
  await settled(7);
  const running = await list();
  const perNode = Map.groupBy(running, ({ spec }) => spec?.nodeName);
  expect([...perNode.values()].map((each) => each.length).sort((a, b) => a - b)).toEqual([2, 2, 3]);
  await eventually(async () =>
    expect(await endpoints()).toEqual(running.map(({ metadata }) => metadata.name ?? "").sort()),
  );

  const { resourceVersion } = await client.listAll(namespaces, {}, signal);
  looks = 0;
  // Every kubelet looks at its pods again and again, and finds nothing new.
  await eventually(() => expect(looks).toBeGreaterThan(40));
  expect((await client.listAll(namespaces, {}, signal)).resourceVersion).toBe(resourceVersion);
});

it("replaces pods that were deleted, rolls to a new template, and scales to nothing", { timeout: 60_000 }, async () => {
  await client.create(services, service, signal);
  await client.create(deployments, deployment(3), signal);
  await settled(3);
  const [victim] = await list();
  await client.delete(pods, { namespace: "default", name: victim!.metadata.name! }, signal);
  await eventually(async () =>
    expect((await list()).map(({ metadata }) => metadata.uid)).not.toContain(victim!.metadata.uid),
  );
  await settled(3);

  await client.patch(
    deployments,
    { namespace: "default", name: "web" },
    { type: "merge", body: { spec: deployment(3, "v2").spec! } },
    signal,
  );
  await settled(3);
  expect((await list()).map(({ spec }) => spec?.containers[0]?.image)).toEqual(["v2", "v2", "v2"]);
  const { items } = await client.listAll(replicaSets, {}, signal);
  expect(items.map(({ spec }) => spec?.replicas ?? 0).sort((a, b) => a - b)).toEqual([0, 3]);

  await client.patch(
    deployments,
    { namespace: "default", name: "web" },
    { type: "merge", body: { spec: { replicas: 0 } } },
    signal,
  );
  await settled(0);
  await eventually(async () => expect(await endpoints()).toEqual([]));
  await client.delete(deployments, { namespace: "default", name: "web" }, signal);
  await eventually(async () => expect((await client.listAll(replicaSets, {}, signal)).items).toEqual([]));
});
