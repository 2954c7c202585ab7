import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiServer, startApiServer } from "../../sandbox/apiserver/index.ts";
import { loadDefinitions } from "../../sandbox/cluster/definitions.ts";
import {
  events,
  type LoadBalancerRecord,
  leases,
  loadBalancerRecords,
  nodes,
  type Service,
  services,
} from "../api/index.ts";
import { systemClock, systemRandom } from "../base/index.ts";
import { openPool, usableRange } from "../ipam/index.ts";
import { EventRecorder, isNotFound, KubeClient, LeaseElection, staticConnection } from "../kube/index.ts";
import { plainClasses } from "../model/index.ts";
import { parseCidr } from "../net/index.ts";
import { MemoryProvider, World } from "../provider/testing/memory-provider.ts";
import { createMetrics, nullLogger } from "../telemetry/index.ts";
import { Controller, readClusterId } from "./index.ts";

const at = { namespace: "default", name: "web" };
const signal = new AbortController().signal;

let server: ApiServer;
let client: KubeClient;
let world: World;

beforeEach(async () => {
  server = await startApiServer({
    listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
    serviceCidrs: [parseCidr("10.96.0.0/16")!],
    nodePorts: { first: 30_000, last: 32_767 },
  });
  client = newClient();
  world = new World();
  const addresses = [{ type: "InternalIP", address: "10.1.0.1" }];
  await client.create(nodes, { metadata: { name: "node1" }, status: { addresses } }, signal);
  await client.create(services, serviceObject(), signal);
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function newClient(): KubeClient {
  const headers = { authorization: `Bearer ${server.token}` };
  return new KubeClient({ connection: staticConnection(server.urls[0]!, { headers }), metrics: createMetrics() });
}

function serviceObject(): Service {
  const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory", ports: [{ port: 80 }] };
  return { metadata: { ...at }, spec };
}

/** A controller with a lease, until the returned function is called. */
async function start(): Promise<() => Promise<void>> {
  const own = newClient();
  const metrics = createMetrics();
  const common = { client: own, logger: nullLogger, metrics };
  const recorder = new EventRecorder({ ...common, controller: "berth.dev/controller", instance: "test" });
  const controller = new Controller({
    ...common,
    recorder,
    providers: [new MemoryProvider(world)],
    classes: plainClasses(new Map([["memory", "berth.dev/memory"]]), undefined),
    agentNamespace: "berth-node-lease",
    nodesWithoutAgent: "Exclude",
    clusterId: await readClusterId(own, nullLogger, signal),
    pool: openPool("--address-pool", [usableRange(parseCidr("192.0.2.0/29")!)]),
    nodePorts: { policy: "Require", range: { first: 30_000, last: 32_767 } },
    orphans: { deletes: false, graceMs: 0 },
    workers: 2,
    driftResyncMs: 600_000,
    clock: systemClock,
    random: systemRandom,
  });
  const stop = new AbortController();
  const election = new LeaseElection({ ...common, namespace: "kube-system", name: "berth", identity: "me" });
  const watching = controller.watch(stop.signal);
  const leading = election.run((until) => controller.lead(until, () => election.fence()), stop.signal);
  return async () => {
    stop.abort(new Error("stopped"));
    await Promise.all([watching, leading]);
    await recorder[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  };
}

async function until(condition: (service: Service | undefined) => boolean): Promise<Service | undefined> {
  for (;;) {
    const service = await client.get(services, at, signal).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (condition(service)) return service;
    await setTimeout(5);
  }
}

async function untilReady(): Promise<Service | undefined> {
  return await until((service) => service?.status?.conditions?.[2]?.status === "True");
}

it("takes a Service of a real API server through its life, and a restart changes nothing", async () => {
  const stop = await start();
  const ready = await untilReady();
  expect(ready?.metadata.finalizers).toEqual(["memory.berth.dev/resources"]);
  expect(ready?.status?.loadBalancer?.ingress).toEqual([
    { ip: "192.0.2.1", ipMode: "Proxy", ports: [{ port: 80, protocol: "TCP" }] },
  ]);
  expect(ready?.status?.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
    "berth.dev/Accepted True",
    "berth.dev/Programmed True",
    "berth.dev/Ready True",
    "berth.dev/Degraded False",
  ]);
  await stop();
  const lease = await client.get(leases, { namespace: "kube-system", name: "berth" }, signal);
  expect(lease.spec?.holderIdentity).toBe("");
  const written = (await client.list(events, {}, signal)).items.map(({ reason }) => reason);
  expect(new Set(written)).toEqual(new Set(["EnsuredLoadBalancer", "EnsuringLoadBalancer"]));

  const again = await start();
  while (world.snapshots === 0) await setTimeout(5);
  expect((await client.get(services, at, signal)).metadata.resourceVersion).toBe(ready?.metadata.resourceVersion);
  await client.patch(services, at, { type: "merge", body: { spec: { ports: [{ port: 81 }] } } }, signal);
  await until((service) => service?.status?.loadBalancer?.ingress?.[0]?.ports?.[0]?.port === 81);
  expect(world.mutations.length).toBe(5);

  await client.patch(services, at, { type: "merge", body: { spec: { type: "ClusterIP" } } }, signal);
  const plain = await until((service) => service?.metadata.finalizers === undefined);
  expect(plain?.status).toEqual({ loadBalancer: {} });
  expect(world.objects.size).toBe(0);

  const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory" };
  await client.patch(services, at, { type: "merge", body: { spec } }, signal);
  await untilReady();
  await client.delete(services, at, signal);
  await until((service) => service === undefined);
  expect(world.objects.size).toBe(0);
  await again();
});

it("the garbage collector takes the Record of a Service that is deleted", async () => {
  await loadDefinitions(client, signal);
  const stop = await start();
  const found = async (): Promise<LoadBalancerRecord | undefined> =>
    (await client.list(loadBalancerRecords, {}, signal).catch(() => ({ items: [] }))).items[0];
  while ((await found())?.status === undefined) await setTimeout(5);
  const uid = (await client.get(services, at, signal)).metadata.uid ?? "";
  expect((await found())?.metadata).toMatchObject({
    ...at,
    ownerReferences: [{ apiVersion: "v1", kind: "Service", name: "web", uid, controller: true }],
  });
  // Nobody else is left who could take it.
  await stop();
  await client.patch(services, at, { type: "merge", body: { metadata: { finalizers: null } } }, signal);
  await client.delete(services, at, signal);
  while ((await found()) !== undefined) await setTimeout(5);
});
