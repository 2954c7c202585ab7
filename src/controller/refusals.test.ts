import { beforeEach, describe, expect, it } from "vitest";
import {
  ipAddressPools,
  type LoadBalancerRecord,
  loadBalancerClasses,
  loadBalancerRecords,
  type ServiceSpec,
} from "../api/index.ts";
import { ConnectionError, EventRecorder, KubeApiError } from "../kube/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { createMetrics, type Logger, nullLogger } from "../telemetry/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { Bench, type Running } from "./testing/bench.ts";

type Refusal = "403" | "409" | "422" | "429" | "500" | "timeout";

const refusals: Readonly<Record<Refusal, () => Error>> = {
  "403": () => new KubeApiError({ code: 403, reason: "Forbidden", message: "you may not" }),
  "409": () => new KubeApiError({ code: 409, reason: "Conflict", message: "the object has been modified" }),
  "422": () => new KubeApiError({ code: 422, reason: "Invalid", message: "a policy says no" }),
  "429": () => new KubeApiError({ code: 429, reason: "TooManyRequests", message: "later" }, 20_000),
  "500": () => new KubeApiError({ code: 500, reason: "InternalError", message: "etcd is away" }),
  timeout: () => new ConnectionError("https://api", new Error("no answer within 30000 ms")),
};

interface Body {
  readonly metadata?: { readonly finalizers?: readonly string[] };
}

type IsIt = (what: string, body: Body) => boolean;

const isStatusPatch: IsIt = (what) => what === "patch services/status";
const addsFinalizer: IsIt = (what, body) => isStatusPatch(what, body) && body.metadata?.finalizers?.length === 1;
const removesFinalizer: IsIt = (what, body) => isStatusPatch(what, body) && body.metadata?.finalizers?.length === 0;
const setsStatus: IsIt = (what, body) => isStatusPatch(what, body) && body.metadata === undefined;

/** The reason that is told, and tries in the first minute. */
const effects: Readonly<Record<Refusal, readonly [reason: string, tries: number]>> = {
  "403": ["Forbidden", 1],
  "409": ["", 9],
  "422": ["Invalid", 1],
  "429": ["Throttled", 4],
  "500": ["ApiServerFailed", 6],
  timeout: ["ApiServerFailed", 6],
};

const asShipped = "allow `patch services/status`, as deploy/rbac/controller.yaml does";

let bench: Bench;
let log: MemoryLog;
let refusing: Refusal | undefined;
let tries: number;

beforeEach(() => {
  bench = new Bench();
  log = new MemoryLog();
  refusing = undefined;
  tries = 0;
});

/** Refuses from now on each write of this kind about `web`; that of others is as ever. */
function refuse(refusal: Refusal, isIt: IsIt): void {
  refusing = refusal;
  bench.api.onWrite = (name, body, what) => {
    if (refusing === undefined || !/(^|\/)web$/.test(name) || !isIt(what, body)) return;
    tries++;
    throw refusals[refusing]();
  };
}

async function settled(ms: number): Promise<void> {
  await bench.settled();
  await bench.clock.run(ms);
  await bench.settled();
}

function record(name: string): LoadBalancerRecord | undefined {
  return bench.api.object(loadBalancerRecords, `default/${name}`);
}

function warnings(): readonly string[] {
  return bench.events.filter((text) => text.startsWith("Warning") && text.includes("default/web"));
}

/** What all writes have in common: others go on, it is told, retries back off, and all is well once it is allowed. */
async function run(
  refusal: Refusal,
  isIt: IsIt,
  tellsByCondition: boolean,
  begin: () => Promise<Running>,
  isDone: () => boolean,
  { spec = {}, remedy = asShipped }: { readonly spec?: ServiceSpec; readonly remedy?: string } = {},
): Promise<Running> {
  const running = await begin();
  refuse(refusal, isIt);
  bench.api.createService("other");
  if (bench.api.service("web") === undefined) bench.api.createService("web", spec);
  else bench.api.deleteService("web");
  await bench.ready("other");
  await settled(1000);
  const [reason, most] = effects[refusal];
  if (refusal === "409") expect(warnings()).toEqual([]);
  else {
    expect(warnings()).toEqual([expect.stringMatching(`^Warning SyncLoadBalancerFailed default/web: ${reason}: `)]);
    expect(record("web")?.status).toMatchObject({
      lastError: { kind: "apiServer", reason },
      awaiting: { reason },
      nextTryAt: expect.any(String),
    });
    expect(bench.condition("web", "programmed") === `False ${reason}`).toBe(tellsByCondition);
  }
  if (refusal === "403") {
    expect(warnings()[0]).toContain(remedy);
    expect(record("web")?.status?.awaiting?.what).toContain(remedy);
  }
  await settled(59_000);
  expect(tries).toBe(most);
  expect(isDone()).toBe(false);
  const before = warnings().length;
  await settled(480_000);
  // One more for each five minutes that it lasts.
  expect(warnings().length - before).toBe(refusal === "409" ? 0 : 1);
  refusing = undefined;
  await settled(301_000);
  await bench.until(isDone, "it is done");
  await settled(1000);
  return running;
}

async function started(): Promise<Running> {
  return bench.start({ records: true });
}

async function startedWithWeb(logger: Logger = nullLogger): Promise<Running> {
  bench.api.createService("web");
  const running = bench.start({ records: true, logger });
  await bench.ready("web");
  await settled(1000);
  return running;
}

function isServed(): boolean {
  return bench.condition("web", "ready").startsWith("True");
}

function expectServed(): void {
  expect(bench.finalizers("web")).toEqual(["memory.berth.dev/resources"]);
  expect(bench.world.mutations.filter((text) => text.includes("uid-web"))).toEqual([
    "create uid-web/address",
    "create uid-web/TCP-80",
    "create uid-web/targets",
  ]);
  for (const reason of ["EnsuringLoadBalancer", "EnsuredLoadBalancer"])
    expect(bench.events.filter((text) => text.startsWith(`Normal ${reason} default/web`))).toHaveLength(1);
  expect(record("web")?.status).toMatchObject({ addresses: bench.addresses("web"), targets: { ready: 2, total: 2 } });
  for (const key of ["awaiting", "nextTryAt"]) expect(record("web")?.status).not.toHaveProperty(key);
}

const all = Object.keys(refusals) as Refusal[];

describe("the API server refuses", () => {
  it.each(all)("the finalizer: %s", async (refusal) => {
    const untouched = (): boolean => isServed();
    const running = await run(refusal, addsFinalizer, refusal !== "403", started, untouched);
    expectServed();
    await running.stop();
  });

  it.each(all)("the status: %s", async (refusal) => {
    const running = await run(refusal, setsStatus, false, started, isServed);
    expectServed();
    await running.stop();
  });

  it.each(all)("that the Service is let go: %s", async (refusal) => {
    const isGone = (): boolean => bench.api.service("web") === undefined;
    const running = await run(refusal, removesFinalizer, refusal !== "403", startedWithWeb, isGone);
    expect([...bench.world.objects.keys()].filter((name) => name.startsWith("uid-web"))).toEqual([]);
    for (const reason of ["DeletingLoadBalancer", "DeletedLoadBalancer"])
      expect(bench.events.filter((text) => text.startsWith(`Normal ${reason} default/web`))).toHaveLength(1);
    await running.stop();
  });

  it.each(all)("its node ports: %s", async (refusal) => {
    const begin = async (): Promise<Running> => bench.start({ records: true, nodePorts: "Ensure" });
    const running = await run(refusal, (what) => what === "patch services", true, begin, isServed, {
      spec: { allocateLoadBalancerNodePorts: false, ports: [{ port: 80, protocol: "TCP" }] },
      remedy: "allow `patch services`, as deploy/rbac/optional/controller-node-ports.yaml does",
    });
    expectServed();
    const { spec, metadata } = bench.api.service("web") ?? {};
    const [{ nodePort = 0 } = {}] = spec?.ports ?? [];
    expect(metadata?.annotations).toEqual({ "berth.dev/node-ports": `{"80/TCP":${nodePort}}` });
    await running.stop();
  });

  it.each(all)("to take away its node ports when it goes to another controller: %s", async (refusal) => {
    bench.api.createService("web", { allocateLoadBalancerNodePorts: false, ports: [{ port: 80, protocol: "TCP" }] });
    const before = bench.start({ records: true, nodePorts: "Ensure" });
    await bench.ready("web");
    await before.stop();
    bench.api.updateService("web", { spec: { loadBalancerClass: "example.com/x" }, status: { loadBalancer: null } });
    refuse(refusal, (what) => what === "patch services");
    const running = bench.start({ records: true, nodePorts: "Ensure", logger: log });
    await settled(60_000);
    // What only a person can change keeps no Service from its new controller.
    const isFinal = refusal === "403" || refusal === "422";
    expect(tries).toBe(isFinal ? 1 : effects[refusal][1]);
    expect(bench.finalizers("web")).toHaveLength(isFinal ? 0 : 1);
    const told = log.fieldsOf("list of node ports is not up to date");
    expect(told).toHaveLength(isFinal ? 1 : 0);
    if (refusal === "403") expect(told[0]?.why).toContain("allow `patch services`, as deploy/rbac/optional/");
    refusing = undefined;
    await settled(301_000);
    expect(bench.finalizers("web")).toEqual([]);
    expect(bench.api.service("web")?.spec?.ports?.[0]?.nodePort !== undefined).toBe(isFinal);
    expect([...bench.world.objects.keys()]).toEqual([]);
    await running.stop();
  });

  it.each(all)("what a class is told: %s", async (refusal) => {
    const metadata = { name: "web", uid: "uid-class", generation: 1 };
    bench.api.put(loadBalancerClasses, { metadata, spec: { loadBalancerClass: "example.com/x", proxy: {} } });
    refuse(refusal, (what) => what === "patch loadbalancerclasses/status");
    bench.api.createService("web", { loadBalancerClass: "example.com/x" });
    const providers = [new MemoryProvider(bench.world, { name: "proxy" })];
    const running = bench.start({ records: true, providers, logger: log });
    await bench.ready("web");
    await settled(60_000);
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThanOrEqual(effects[refusal][1]);
    if (refusal === "403")
      expect(log.fieldsOf("verdict on a class not written")).toMatchObject([
        {
          key: "web",
          why: expect.stringContaining("allow `patch loadbalancerclasses.berth.dev/status`, as deploy/rbac/"),
        },
      ]);
    refusing = undefined;
    await settled(301_000);
    expect(bench.api.object(loadBalancerClasses, "web")?.status?.conditions).toMatchObject([{ status: "True" }]);
    await running.stop();
  });

  it.each(all)("how far a pool is used up: %s", async (refusal) => {
    bench.api.put(ipAddressPools, {
      metadata: { name: "web", uid: "uid-pool" },
      spec: { ranges: ["198.51.100.0/30"] },
    });
    refuse(refusal, (what) => what === "patch ipaddresspools/status");
    bench.api.createService("web");
    const running = bench.start({ records: true, pool: [], logger: log });
    await bench.ready("web");
    await settled(60_000);
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThanOrEqual(6);
    const told = log.fieldsOf("cannot write the status of a pool");
    expect(told).toHaveLength(refusal === "409" ? 0 : 1);
    if (refusal === "403")
      expect(told[0]?.why).toContain("allow `patch ipaddresspools.berth.dev/status`, as deploy/rbac/");
    refusing = undefined;
    await settled(61_000);
    expect(bench.api.object(ipAddressPools, "web")?.status).toMatchObject({ used: 1, free: "1" });
    await running.stop();
  });

  it.each(all)("to delete the Record of a Service that is ours no more: %s", async (refusal) => {
    const running = await startedWithWeb(log);
    refuse(refusal, (what) => what === "delete loadbalancerrecords");
    bench.api.updateService("web", { spec: { type: "ClusterIP", loadBalancerClass: null } });
    await bench.until(() => bench.finalizers("web").length === 0, "let go");
    await settled(60_000);
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThanOrEqual(effects[refusal][1]);
    const told = log.fieldsOf("records are not written");
    expect(told).toHaveLength(refusal === "409" ? 0 : 1);
    if (refusal === "403")
      expect(told[0]?.why).toContain("allow `delete loadbalancerrecords.berth.dev`, as deploy/rbac/");
    refusing = undefined;
    await settled(301_000);
    expect(record("web")).toBeUndefined();
    await running.stop();
  });

  it.each(
    (["create loadbalancerrecords", "patch loadbalancerrecords/status"] as const).flatMap((write) =>
      all.map((refusal) => [write, refusal] as const),
    ),
  )("to %s: %s", async (write, refusal) => {
    refuse(refusal, (what) => what === write);
    for (const name of ["web", "other"]) bench.api.createService(name);
    const running = bench.start({ records: true });
    for (const name of ["web", "other"]) await bench.ready(name);
    await settled(1000);
    const told = refusal === "403" || refusal === "422";
    expect(warnings()).toHaveLength(told ? 1 : 0);
    if (told) expect(warnings()[0]).toContain(`SyncLoadBalancerRecordFailed default/web: ${effects[refusal][0]}: `);
    await settled(59_000);
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThanOrEqual(refusal === "409" ? 6 : effects[refusal][1]);
    refusing = undefined;
    await settled(700_000);
    expect(warnings()).toHaveLength(told ? 1 : 0);
    expectServed();
    expect(record("other")?.status?.addresses).toEqual(bench.addresses("other"));
    await running.stop();
  });

  it.each(all)("an event: %s", async (refusal) => {
    refuse(refusal, () => false);
    const metrics = createMetrics();
    const create = async (): Promise<never> => {
      tries++;
      throw refusals[refusal]();
    };
    await using recorder = new EventRecorder({
      client: { create, patch: create },
      controller: "berth.dev/controller",
      instance: "test",
      logger: log,
      metrics,
      clock: bench.clock,
    });
    bench.api.createService("web");
    const running = bench.start({ records: true, recorder });
    await bench.ready("web");
    await settled(60_000);
    // Of two events: an answer is final, no answer is asked for three times.
    expect(tries).toBe(refusal === "timeout" ? 6 : 2);
    expect(await metrics.getSingleMetricAsString("kube_events_total")).toContain('{result="failed"} 2');
    const told = log.fields("warn");
    expect(log.messages("warn")).toEqual(["events are not written"]);
    if (refusal === "403") expect(told[0]?.what).toBe("allow `create, patch events.events.k8s.io`");
    expect(record("web")?.status?.addresses).toEqual(bench.addresses("web"));
    await running.stop();
  });
});
