import { afterEach, beforeEach, expect, it } from "vitest";
import type { Lease } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { KubeApiError } from "../kube/index.ts";
import { Collection } from "../kube/testing/collection.ts";
import { MemoryClient } from "../kube/testing/memory-client.ts";
import { node } from "../model/testing/objects.ts";
import { createMetrics, type Metrics } from "../telemetry/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { AgentMetrics } from "./metrics.ts";
import { ReportLease } from "./report-lease.ts";

const name = "berth-agent-node-a";

let clock: FakeClock;
let collection: Collection;
let client: MemoryClient;
let registry: Metrics;
let metrics: AgentMetrics;
let log: MemoryLog;
let report: string;
let uid: string | undefined;
let stop: AbortController;
let running: Promise<void>[];

beforeEach(() => {
  clock = new FakeClock();
  collection = new Collection();
  client = new MemoryClient(collection, clock);
  registry = createMetrics();
  metrics = new AgentMetrics(registry);
  log = new MemoryLog();
  report = "first";
  uid = "u-1";
  stop = new AbortController();
  running = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  expect(clock.pending).toEqual([]);
});

function agent(
  identity = "host-a",
  access: Pick<MemoryClient, "get" | "create" | "mergePatch"> = client,
  chainPrefix = "KUBE",
): ReportLease {
  const lease = new ReportLease({
    client: access,
    namespace: "berth",
    nodeName: "node-a",
    chainPrefix,
    identity,
    report: async () => report,
    node: () => (uid === undefined ? undefined : { ...node("node-a"), metadata: { name: "node-a", uid } }),
    metrics,
    logger: log,
    clock,
    random: () => 0,
  });
  running.push(lease.run(stop.signal));
  return lease;
}

const stored = () => collection.get(name) as Lease;
const warnings = () => log.lines.map(({ message, fields: { why, what } }) => `${message}: ${why ?? what}`);
const time = () => new Date(clock.now()).toISOString().replace("Z", "000Z");

it("makes its Lease, owned by the Node, and renews it every ten seconds", async () => {
  agent();
  const startedAt = time();
  await clock.run(0);
  expect(stored()).toMatchObject({
    metadata: {
      name,
      namespace: "berth",
      annotations: { "berth.dev/report": "first" },
      ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "node-a", uid: "u-1" }],
    },
    spec: { holderIdentity: "host-a", leaseDurationSeconds: 40, acquireTime: startedAt, renewTime: startedAt },
  });
  await clock.run(10_000);
  expect(stored().spec).toMatchObject({ acquireTime: startedAt, renewTime: time(), leaseTransitions: 0 });
  await clock.run(50_000);
  expect(client.writes).toEqual(["create", ...Array(6).fill("patch")]);
});

it("gives the Lease that it made without a Node to the Node once that is there, and to no other after that", async () => {
  uid = undefined;
  agent();
  await clock.run(0);
  expect(stored().metadata.ownerReferences).toBeUndefined();
  uid = "u-2";
  await clock.run(10_000);
  const owner = [{ apiVersion: "v1", kind: "Node", name: "node-a", uid: "u-2" }];
  expect(stored().metadata).toMatchObject({ ownerReferences: owner, annotations: { "berth.dev/report": "first" } });
  uid = "u-3";
  await clock.run(10_000);
  expect(stored().metadata.ownerReferences).toEqual(owner);
  expect(client.writes).toEqual(["create", "patch", "patch"]);
});

it("has a Lease of its own when its chains are not kube-proxy's, so that two agents of a node do not share one", async () => {
  agent();
  agent("host-a", client, "BERTH");
  await clock.run(0);
  for (const each of [name, "berth-agent.berth.node-a"]) expect(collection.get(each)).toBeDefined();
});

it("writes the report only when it changed, and at once when that matters", async () => {
  const bodies: object[] = [];
  const lease = agent("host-a", {
    get: client.get.bind(client),
    create: client.create.bind(client),
    mergePatch: (resource, object, body, signal) => {
      bodies.push(body);
      return client.mergePatch(resource, object, body, signal);
    },
  });
  await clock.run(10_000);
  report = "second";
  await clock.run(10_000);
  expect(bodies.map((body) => "metadata" in body)).toEqual([false, true]);
  await clock.run(500);
  report = "third";
  lease.hurry();
  lease.hurry();
  await clock.run(500);
  expect(stored().metadata.annotations).toEqual({ "berth.dev/report": "third" });
  expect(bodies).toHaveLength(3);
  await clock.run(999);
  expect(bodies).toHaveLength(3);
});

it("takes its own Lease up again after a restart, and makes a deleted one anew", async () => {
  agent();
  await clock.run(0);
  stop.abort();
  await Promise.all(running);
  expect(stored().spec?.holderIdentity).toBe("host-a");
  stop = new AbortController();
  report = "restarted";
  agent();
  await clock.run(0);
  expect(stored().metadata.annotations).toEqual({ "berth.dev/report": "restarted" });
  collection.delete(name);
  await clock.run(10_000);
  expect(stored().spec?.holderIdentity).toBe("host-a");
  expect(warnings()).toEqual([]);
});

it("goes on after somebody else wrote into its Lease", async () => {
  agent();
  await clock.run(0);
  collection.put({ ...stored(), metadata: { ...stored().metadata, labels: { a: "b" } } });
  await clock.run(10_000);
  expect(stored()).toMatchObject({ metadata: { labels: { a: "b" } }, spec: { renewTime: time() } });
});

it("does not take another's Lease as long as that is renewed, says so once, and takes it when it is not", async () => {
  const other = new AbortController();
  const renew = () =>
    collection.put({
      metadata: { name, namespace: "berth" },
      spec: { holderIdentity: "host-b", leaseDurationSeconds: 40, renewTime: time(), leaseTransitions: 4 },
    } as Lease);
  renew();
  agent();
  for (let i = 0; i < 12; i++) {
    await clock.run(10_000);
    renew();
  }
  expect(stored().spec?.holderIdentity).toBe("host-b");
  expect(warnings()).toEqual([
    "node report not written: host-b reports for this node; two agents must not have one node name",
  ]);
  other.abort();
  await clock.run(39_000);
  expect(stored().spec?.holderIdentity).toBe("host-b");
  await clock.run(12_000);
  expect(stored()).toMatchObject({
    metadata: { annotations: { "berth.dev/report": "first" } },
    spec: { holderIdentity: "host-a", leaseTransitions: 5 },
  });
  expect(warnings().slice(1)).toEqual(["node report taken over: host-b"]);
});

it.each([
  ["no right", new KubeApiError({ code: 403, reason: "Forbidden", message: "leases is forbidden" })],
  ["no such namespace", new KubeApiError({ code: 404, reason: "NotFound", message: 'namespaces "berth" not found' })],
])("says once that there is %s, and tries again after ten minutes", async (_, error) => {
  let tries = 0;
  let denied = true;
  const lease = agent("host-a", {
    get: client.get.bind(client),
    create: (resource, object, signal) => {
      tries += 1;
      return denied ? Promise.reject(error) : client.create(resource, object, signal);
    },
    mergePatch: client.mergePatch.bind(client),
  });
  await clock.run(599_000);
  lease.hurry();
  await clock.run(500);
  expect(tries).toBe(1);
  await clock.run(600_000);
  expect(tries).toBe(2);
  expect(warnings()).toEqual([
    expect.stringMatching(/^node report not written: .*(forbidden|not found).*the role berth-agent of the chart$/),
  ]);
  denied = false;
  await clock.run(600_000);
  expect(stored().spec?.holderIdentity).toBe("host-a");
  await clock.run(10_000);
  expect(await registry.getSingleMetric("berth_agent_report_writes_total")!.get()).toMatchObject({
    values: expect.arrayContaining([{ value: 2, labels: { result: "denied" } }]),
  });
});

it("waits out an API server that does not answer, in one line", async () => {
  agent();
  await clock.run(0);
  client.line = "refused";
  await clock.run(60_000);
  expect(warnings()).toEqual([expect.stringMatching(/^node report not written: .*unreported until it works again$/)]);
  client.line = "lost";
  await clock.run(60_000);
  client.line = "up";
  await clock.run(20_000);
  expect(stored().spec?.renewTime).not.toBe(undefined);
  expect(Date.parse(stored().spec!.renewTime!)).toBeGreaterThan(clock.now() - 15_000);
});
