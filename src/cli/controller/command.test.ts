// The whole of `berth controller` against the sandbox API server, with a provider in memory.
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiServer, startApiServer } from "../../../sandbox/apiserver/index.ts";
import { leases, namespaces, nodes, services } from "../../api/index.ts";
import { KubeClient, staticConnection } from "../../kube/index.ts";
import { parseCidr } from "../../net/index.ts";
import type { ProviderModule } from "../../provider/index.ts";
import { MemoryProvider, type StepHook, World } from "../../provider/testing/memory-provider.ts";
import { createMetrics } from "../../telemetry/index.ts";
import { newCommand, type Process } from "../command.ts";
import { define } from "../controller.ts";

const { signal } = new AbortController();
const at = { namespace: "default", name: "web" };

let folder: string;
let server: ApiServer;
let client: KubeClient;
let world: World;
let hook: StepHook;
let running: Running[];

interface Running {
  page(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** As SIGTERM does; resolves when the command has ended. */
  stop(): Promise<void>;
  /** What it has written since the last look. */
  log(): string;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-command-"));
  server = await startApiServer({
    listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
    serviceCidrs: [parseCidr("10.96.0.0/16")!],
    nodePorts: { first: 30_000, last: 32_767 },
  });
  const connection = staticConnection(server.urls[0]!, { headers: { authorization: `Bearer ${server.token}` } });
  client = new KubeClient({ connection, metrics: createMetrics() });
  world = new World();
  hook = () => {};
  running = [];
  const addresses = [{ type: "InternalIP", address: "10.1.0.1" }];
  await client.create(nodes, { metadata: { name: "node1" }, status: { addresses } }, signal);
});

afterEach(async () => {
  await Promise.all(running.map(({ stop }) => stop()));
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}

const memory: ProviderModule = {
  name: "memory",
  flags: [{ flag: "--memory-place <name>", description: "" }],
  create: async ({ fence, requestLimits }) =>
    new MemoryProvider(world, { fence, requestLimits, hook: (...call) => hook(...call) }),
};

async function start(url: string = server.urls[0]!, more: object = {}): Promise<Running> {
  const address = `127.0.0.1:${await freePort()}`;
  const kubeconfig = join(folder, "kubeconfig");
  const user = { name: "u", user: { token: server.token } };
  const cluster = { name: "c", cluster: { server: url } };
  const contexts = [{ name: "x", context: { cluster: "c", user: "u" } }];
  await writeFile(kubeconfig, JSON.stringify({ clusters: [cluster], users: [user], contexts, "current-context": "x" }));
  const file = join(folder, "controller.yaml");
  const fields = {
    providers: ["memory"],
    addressPool: ["192.0.2.0/29"],
    kubeconfig,
    logLevel: "error",
  };
  const head = { apiVersion: "controller.berth.dev/v1alpha1", kind: "ControllerConfiguration" };
  const addresses = { metricsBindAddress: address, healthBindAddress: address, leaderElectRetryPeriod: "100ms" };
  await writeFile(file, JSON.stringify({ ...head, ...fields, ...addresses, ...more }));
  const end = new AbortController();
  const log = new PassThrough();
  const process: Process = { argv: [], environment: {}, signal: end.signal, stdout: log, stderr: log };
  const command = newCommand("berth controller");
  const other: ProviderModule = {
    ...memory,
    name: "other",
    create: async () => new MemoryProvider(world, { name: "other" }),
  };
  const providers = [memory, other].map((provider) => [provider.name, async () => ({ provider })] as const);
  define(command, process, new Map(providers));
  const done = command.parseAsync(["--config", file, "--memory-place", "here"], { from: "user" });
  const started: Running = {
    async page(path) {
      const answer = await fetch(`http://${address}${path}`);
      return { status: answer.status, body: await answer.text() };
    },
    async stop() {
      end.abort(new Error("stopped"));
      await done;
    },
    log: () => String(log.read() ?? ""),
  };
  running.push(started);
  await until(async () => (await started.page("/livez")).status === 200);
  return started;
}

/** Everything here happens soon or never, which is what the test's own time limit is for. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await setTimeout(5);
}

async function createWeb(): Promise<void> {
  const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory", ports: [{ port: 80 }] };
  await client.create(services, { metadata: at, spec }, signal);
}

async function ready(): Promise<void> {
  await until(async () => {
    const { status } = await client.get(services, at, signal);
    return status?.conditions?.find(({ type }) => type === "berth.dev/Ready")?.status === "True";
  });
}

interface Shape {
  readonly type: string;
  readonly labels: readonly string[];
  readonly buckets: string;
}

/** What a page of metrics has, by name, without those of Node and of the process, and the restarts of watches, of which there may be none. */
function shapesOf(page: string): Record<string, Shape> {
  const shapes = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]): [string, Shape] => {
    const lines = page.split("\n").filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(line));
    const labels = new Set(lines.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, label = ""]) => label)));
    const buckets = new Set([...lines.join("\n").matchAll(/le="([^"]+)"/g)].map(([, bucket = ""]) => bucket));
    return [
      name,
      { type, labels: [...labels].filter((label) => label !== "le").sort(), buckets: [...buckets].join(" ") },
    ];
  });
  return Object.fromEntries(shapes.filter(([name]) => !/^(nodejs|process)_|^kube_watch_restarts_total$/.test(name)));
}

const upstream = "1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 +Inf";
const queue = "1e-8 1e-7 0.000001 0.00001 0.0001 0.001 0.01 0.1 1 10 100 1000 +Inf";
const request = "0.005 0.025 0.1 0.25 0.5 1 2 4 8 15 30 60 +Inf";
const reconcile =
  "0.005 0.01 0.025 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.6 0.7 0.8 0.9 1 1.25 1.5 1.75 2 2.5 3 3.5 4 4.5 5 6 7 8 9 10 15 20 25 30 40 50 60 +Inf";

/** Name, type, labels, buckets. */
const metrics: readonly (readonly [string, string, string, string?])[] = [
  // As upstream's service controller.
  ["service_controller_loadbalancer_sync_total", "counter", ""],
  ["service_controller_nodesync_error_total", "counter", ""],
  ["service_controller_nodesync_latency_seconds", "histogram", "", upstream],
  ["service_controller_update_loadbalancer_host_latency_seconds", "histogram", "", upstream],
  // As client-go.
  ["workqueue_depth", "gauge", "name"],
  ["workqueue_adds_total", "counter", "name"],
  ["workqueue_queue_duration_seconds", "histogram", "name", queue],
  ["workqueue_work_duration_seconds", "histogram", "name", queue],
  ["workqueue_unfinished_work_seconds", "gauge", "name"],
  ["workqueue_longest_running_processor_seconds", "gauge", "name"],
  ["workqueue_retries_total", "counter", "name"],
  ["rest_client_requests_total", "counter", "code host method"],
  ["rest_client_request_duration_seconds", "histogram", "host verb", request],
  ["leader_election_master_status", "gauge", "name"],
  ["leader_election_slowpath_total", "counter", "name"],
  // As controller-runtime.
  ["controller_runtime_reconcile_total", "counter", "controller result"],
  ["controller_runtime_reconcile_errors_total", "counter", "controller"],
  ["controller_runtime_terminal_reconcile_errors_total", "counter", "controller"],
  ["controller_runtime_reconcile_panics_total", "counter", "controller"],
  ["controller_runtime_reconcile_timeouts_total", "counter", "controller"],
  ["controller_runtime_reconcile_time_seconds", "histogram", "controller", reconcile],
  ["controller_runtime_max_concurrent_reconciles", "gauge", "controller"],
  ["controller_runtime_active_workers", "gauge", "controller"],
  // Berth's own.
  ["lb_provider_api_requests_total", "counter", "code op provider"],
  ["lb_provider_api_request_duration_seconds", "histogram", "code op provider", request],
  ["lb_service_state", "gauge", "state"],
  ["lb_time_to_ready_seconds", "histogram", "", "0.1 0.25 0.5 1 2.5 5 10 30 60 120 300 600 +Inf"],
  ["lb_drift_detected_total", "counter", "provider"],
  ["lb_orphans", "gauge", "provider"],
  ["berth_services_ignored_total", "counter", "cause"],
  ["kube_events_total", "counter", "result"],
  ["kube_store_handler_failures_total", "counter", "kind"],
  ["kube_store_objects", "gauge", "kind"],
  ["kube_watch_last_event_timestamp_seconds", "gauge", "kind"],
  ["event_loop_delay_seconds", "histogram", "", "0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 +Inf"],
];

it("/metrics has these names, with their types, labels and buckets, and docs/controller.md explains each", async () => {
  await createWeb();
  const controller = await start();
  await ready();
  await client.create(services, { metadata: { ...at, name: "plain" }, spec: { ports: [{ port: 80 }] } }, signal);
  await until(async () => (await controller.page("/metrics")).body.includes('lb_service_state{state="ready"} 1'));
  const found = shapesOf((await controller.page("/metrics")).body);
  const expected = metrics.map(([name, type, labels, buckets = ""]) => [
    name,
    { type, labels: labels.split(" ").filter((label) => label !== ""), buckets },
  ]);
  expect(found).toEqual(Object.fromEntries(expected));
  const page = await readFile(new URL("../../../docs/controller.md", import.meta.url), "utf8");
  expect(metrics.map(([name]) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

it("counts from zero: what has not happened yet is there", async () => {
  const controller = await start();
  await until(async () => (await controller.page("/metrics")).body.includes("workqueue_depth"));
  const { body } = await controller.page("/metrics");
  for (const result of ["success", "error", "requeue", "requeue_after"])
    expect(body).toContain(`controller_runtime_reconcile_total{controller="leftovers",result="${result}"} 0`);
  for (const line of [
    'controller_runtime_max_concurrent_reconciles{controller="service"} 10',
    'leader_election_slowpath_total{name="berth-controller"} 0',
    'lb_drift_detected_total{provider="memory"} 0',
    'lb_orphans{provider="memory"} 0',
    'lb_service_state{state="failed"} 0',
    'workqueue_retries_total{name="service"} 0',
  ])
    expect(body).toContain(`${line}\n`);
});

it("/configz shows the configuration that holds as a file says it, and no credentials", async () => {
  const controller = await start();
  const { body } = await controller.page("/configz");
  const { "controller.berth.dev": found, ...others } = JSON.parse(body);
  expect(others).toEqual({});
  expect(found).toMatchObject({
    apiVersion: "controller.berth.dev/v1alpha1",
    kind: "ControllerConfiguration",
    kubeconfig: join(folder, "kubeconfig"),
    providers: ["memory"],
    addressPool: ["192.0.2.0/29"],
    leaderElectRetryPeriod: "100ms",
    driftResyncPeriod: "10m0s",
    memoryPlace: "here",
  });
  expect(found).not.toHaveProperty("clusterId");
  expect(body).not.toContain(server.token);
});

it("is alive but not ready while the API server does not answer, and says so", async () => {
  const controller = await start("http://127.0.0.1:1");
  expect(await controller.page("/livez")).toEqual({ status: 200, body: "ok\n" });
  expect(await controller.page("/healthz")).toEqual({ status: 200, body: "ok\n" });
  expect(await controller.page("/readyz")).toEqual({
    status: 503,
    body: "not ready: the API server has not answered yet\n",
  });
  expect(JSON.parse((await controller.page("/debug/state")).body)).toEqual({ leading: false });
});

it("A20: warm standby: the second is ready, does nothing, and goes on when the first ends by SIGTERM", async () => {
  const [first, second] = [await start(), await start()];
  const leads = async ({ page }: Running): Promise<boolean> => JSON.parse((await page("/debug/state")).body).leading;
  await until(async () => (await leads(first)) || (await leads(second)));
  const [leader, standby] = (await leads(first)) ? [first, second] : [second, first];
  await until(async () => (await standby.page("/readyz")).status === 200);
  await createWeb();
  await ready();
  expect(await leads(standby)).toBe(false);
  expect((await standby.page("/metrics")).body).toContain('leader_election_master_status{name="berth-controller"} 0');
  const state = JSON.parse((await standby.page("/debug/state?service=default/web")).body);
  expect(state.services.items).toMatchObject([{ service: "default/web", class: "berth.dev/memory" }]);
  await leader.stop();
  await until(() => leads(standby));
  expect((await standby.page("/metrics")).body).toContain('leader_election_master_status{name="berth-controller"} 1');
});

it("A20: SIGTERM: the step at hand ends, no other begins, and the Lease is given back", async () => {
  const begun: string[] = [];
  const ended: string[] = [];
  const gate = Promise.withResolvers<void>();
  hook = async ({ id }, when) => {
    const [, step = ""] = id.split("/");
    (when === "after" ? ended : begun).push(step);
    if (when !== "after") await gate.promise;
  };
  await createWeb();
  const controller = await start();
  await until(async () => begun.length > 0);
  const stopped = controller.stop();
  gate.resolve();
  await stopped;
  expect([begun, ended]).toEqual([["address"], ["address"]]);
  const { spec } = await client.get(leases, { namespace: "kube-system", name: "berth-controller" }, signal);
  expect(spec?.holderIdentity).toBe("");
});

it("is not ready while its Lease cannot be, and says why", async () => {
  const { page } = await start(undefined, { namespace: "nowhere" });
  const body =
    'not ready: waits for Lease nowhere/berth-controller\nLease nowhere/berth-controller: namespaces "nowhere" not found\n';
  await until(async () => (await page("/readyz")).body === body);
  expect((await page("/readyz")).status).toBe(503);
  await client.create(namespaces, { metadata: { name: "nowhere" } }, signal);
  await until(async () => (await page("/readyz")).status === 200);
  await until(async () => JSON.parse((await page("/debug/state")).body).leading);
});

it("a standby with other providers than the leader's warns of it: nobody runs them", async () => {
  const first = await start();
  await until(async () => JSON.parse((await first.page("/debug/state")).body).leading);
  const second = await start(undefined, { providers: ["other"], logLevel: "warn" });
  let log = "";
  const line = (): object =>
    log
      .split("\n")
      .filter((text) => text.includes("other providers"))
      .map((text) => JSON.parse(text) as object)[0] ?? {};
  await until(async () => {
    log += second.log();
    return log.endsWith("\n") && "why" in line();
  });
  expect(line()).toMatchObject({
    level: "warn",
    key: "kube-system/berth-controller",
    why: expect.stringMatching(/ runs memory, this one other; .* give this one another --instance/),
  });
  expect((await second.page("/readyz")).status).toBe(200);
});
