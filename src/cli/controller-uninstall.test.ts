// The whole of `berth controller uninstall` against the sandbox API server, with a provider in memory.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiServer, startApiServer } from "../../sandbox/apiserver/index.ts";
import { deployments, leases, nodes, services } from "../api/index.ts";
import { isNotFound, KubeClient, staticConnection } from "../kube/index.ts";
import { parseCidr } from "../net/index.ts";
import type { ProviderModule } from "../provider/index.ts";
import { MemoryProvider, World } from "../provider/testing/memory-provider.ts";
import { createMetrics } from "../telemetry/index.ts";
import { newCommand, type Process } from "./command.ts";
import { define } from "./controller.ts";

const { signal } = new AbortController();
const at = { namespace: "default", name: "web" };
const deployment = { namespace: "kube-system", name: "berth-controller" };

let folder: string;
let server: ApiServer;
let client: KubeClient;
let world: World;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-uninstall-"));
  server = await startApiServer({
    listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
    serviceCidrs: [parseCidr("10.96.0.0/16")!],
    nodePorts: { first: 30_000, last: 32_767 },
  });
  const connection = staticConnection(server.urls[0]!, { headers: { authorization: `Bearer ${server.token}` } });
  client = new KubeClient({ connection, metrics: createMetrics() });
  world = new World();
  const addresses = [{ type: "InternalIP", address: "10.1.0.1" }];
  await client.create(nodes, { metadata: { name: "node1" }, status: { addresses } }, signal);
  const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory", ports: [{ port: 80 }] };
  await client.create(services, { metadata: at, spec }, signal);
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Resolves when the command has ended. */
async function run(stop: AbortSignal, ...words: readonly string[]): Promise<void> {
  const kubeconfig = join(folder, "kubeconfig");
  const user = { name: "u", user: { token: server.token } };
  const cluster = { name: "c", cluster: { server: server.urls[0] } };
  const contexts = [{ name: "x", context: { cluster: "c", user: "u" } }];
  await writeFile(kubeconfig, JSON.stringify({ clusters: [cluster], users: [user], contexts, "current-context": "x" }));
  const log = new PassThrough();
  const process: Process = { argv: [], environment: {}, signal: stop, stdout: log, stderr: log };
  const memory: ProviderModule = {
    name: "memory",
    flags: [{ flag: "--memory-place <name>", description: "" }],
    create: async ({ fence, requestLimits }) => new MemoryProvider(world, { fence, requestLimits }),
  };
  const command = newCommand("berth controller");
  define(command, process, new Map([["memory", async () => ({ provider: memory })]]));
  const flags = [
    `--kubeconfig=${kubeconfig}`,
    "--providers=memory",
    "--memory-place=here",
    "--address-pool=192.0.2.0/29",
    "--leader-elect-retry-period=100ms",
    "--log-level=error",
    "--metrics-bind-address=127.0.0.1:0",
    "--health-bind-address=127.0.0.1:0",
  ];
  await command.parseAsync([...words, ...flags], { from: "user" });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(20);
}

async function isGone(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

it("ends the controllers that work, waits for them, gives everything up, and leaves no Lease", async () => {
  const labels = { app: "berth" };
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: "controller", image: "berth-controller:1" }] },
  };
  await client.create(
    deployments,
    { metadata: deployment, spec: { selector: { matchLabels: labels }, template } },
    signal,
  );
  const stop = new AbortController();
  const working = run(stop.signal);
  await until(async () => (await client.get(services, at, signal)).status?.loadBalancer?.ingress !== undefined);
  expect(world.objects.size).toBeGreaterThan(0);

  const leaving = run(signal, "uninstall", "--deployment=berth-controller");
  await until(() => isGone(client.get(deployments, deployment, signal)));
  // As long as somebody works, nothing is done behind his back.
  expect((await client.get(services, at, signal)).metadata.finalizers).toEqual(["memory.berth.dev/resources"]);
  stop.abort(new Error("its pod ends"));
  await working;
  await leaving;

  expect(world.objects.size).toBe(0);
  const { metadata, status } = await client.get(services, at, signal);
  expect({ finalizers: metadata.finalizers, status }).toEqual({ finalizers: undefined, status: { loadBalancer: {} } });
  expect(await isGone(client.get(leases, deployment, signal))).toBe(true);
});

it("has nothing to do where nothing was, nor a Deployment to end", async () => {
  await run(signal, "uninstall", "--deployment=berth-controller");
  expect(await isGone(client.get(leases, deployment, signal))).toBe(true);
});
