import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually, type Peer, TestNetwork } from "../../src/balancer/testing/index.ts";
import { systemClock } from "../../src/base/index.ts";
import {
  findLink,
  findProcess,
  isRunning,
  listNetns,
  netnsExec,
  type ProcessId,
  parseProcess,
  signalProcess,
} from "../../src/kernel/index.ts";
import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import { parseCidr } from "../../src/net/index.ts";
import type { OwnedObject, ScopeKey } from "../../src/provider/index.ts";
import type { ProxyAdapter } from "./adapter.ts";
import { balancerNamespaces, createNamespaceProvider } from "./index.ts";
import { type Names, namesOf } from "./names.ts";
import { converge, desiredLb, ip, node } from "./testing.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");

let network: TestNetwork;
let stateDir: string;
let client: Peer;
let nodes: Peer[];
let adapter: ProxyAdapter;
let lb: DesiredLoadBalancer;
let signal: AbortSignal;

beforeEach(async () => {
  signal = AbortSignal.timeout(50_000);
  network = await TestNetwork.create();
  stateDir = await mkdtemp(join(tmpdir(), "berth-proxy-"));
  client = await network.addPeer("client", "1.1");
  nodes = [await network.addPeer("node-a", "2.1"), await network.addPeer("node-b", "2.2")];
  for (const [i, peer] of nodes.entries())
    await peer.ask("serve", { name: ["a", "b"][i]!, tcp: 30_080, udp: 30_053, health: 10_256 });
  adapter = createAdapter();
  const id = { clusterId: network.name, uid: "uid-1", namespace: "default", name: "web" };
  lb = desiredLb({ id, families: ["IPv4", "IPv6"], addresses: [ip("10.99.0.5"), ip("fd99::5")] });
  network.adopt(namesOf(stateDir, id).netns);
});

afterEach(async () => {
  adapter = createAdapter();
  await want(null);
  await network[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true });
});

function key() {
  return { kind: "service", id: lb.id } as const;
}

function names(): Names {
  return namesOf(stateDir, lb.id);
}

function get(): Promise<string> {
  return client.ask("connect", { address: "10.99.0.5", port: 80 });
}

async function owned(): Promise<OwnedObject[]> {
  return Array.fromAsync(adapter.listOwned(network.name, signal));
}

async function balancer(): Promise<ProcessId> {
  return parseProcess(await readFile(join(names().directory, "pid"), "utf8"))!;
}

async function processesIn(netns: string): Promise<number[]> {
  const { stdout } = await network.exec.run("ip", ["netns", "pids", netns], { signal });
  return stdout.split("\n").filter(Boolean).map(Number);
}

function createAdapter(
  environment: Readonly<Record<string, string>> = network.environment,
  berth: readonly string[] = [process.execPath, main],
): ProxyAdapter {
  return createNamespaceProvider({
    stateDir,
    clusterId: network.name,
    network: {
      netns: network.name,
      bridge: network.bridge,
      prefixes: [parseCidr("10.99.0.0/16")!, parseCidr("fd99::/64")!],
    },
    balancerCommand: [...berth, "balancer"],
    environment,
    exec: network.exec,
    fence: () => undefined,
    clock: systemClock,
  });
}

async function want(next: DesiredLoadBalancer | null, peers: readonly Peer[] = nodes): Promise<readonly string[]> {
  const targets = peers.map(({ v4, v6 }) => node(v4.endsWith(".1") ? "a" : "b", v4, v6));
  const desired = next === null ? null : ({ kind: "service", lb: next, nodes: targets } as const);
  const plans = await converge(adapter, desired, lb.id, signal);
  return plans.map(({ summary }) => summary);
}

it("makes a load balancer that serves, and takes every trace of it away", async () => {
  const summaries = await want(lb);
  expect(await get()).toMatch(/^[ab] /);
  expect(summaries[0]).toBe("create directory, create config, create network, create process");
  expect(await client.ask("datagram", { as: "u", address: "fd99::5", port: 53 })).toMatch(/^[ab] /);
  const observed = await adapter.observe(key(), "live", signal);
  expect(adapter.status(lb, observed)).toMatchObject({
    ingress: [
      { ip: "10.99.0.5", ipMode: "Proxy" },
      { ip: "fd99::5", ipMode: "Proxy" },
    ],
    targets: { total: 2 },
  });
  expect(await want(lb)).toEqual([]);
  expect(await owned()).toEqual([
    { scope: key(), ref: names().directory, retained: false, addresses: ["10.99.0.5", "fd99::5"] },
  ]);
  expect(await balancerNamespaces(stateDir)).toEqual([names().netns]);

  const pid = await balancer();
  expect((await want(null))[0]).toBe("delete process, delete network, delete directory");
  expect(isRunning(pid)).toBe(false);
  expect(await owned()).toEqual([]);
  expect(await balancerNamespaces(stateDir)).toEqual([]);
  expect(await listNetns(network.exec, { signal })).not.toContain(names().netns);
  expect(await findLink(netnsExec(network.exec, network.name), names().port, { signal })).toBeUndefined();
  expect(await want(null)).toEqual([]);
});

it("lets a retained load balancer serve on, and tells of it as retained", async () => {
  await want(lb);
  const before = await balancer();
  expect(await want({ ...lb, retain: true }, [])).toEqual(["update directory"]);
  expect(await get()).toMatch(/^[ab] /);
  expect(await balancer()).toEqual(before);
  expect(await owned()).toMatchObject([{ scope: key(), retained: true, addresses: ["10.99.0.5", "fd99::5"] }]);
  expect(await want({ ...lb, retain: true })).toEqual([]);
  await want(null);
});

it("changes a load balancer under its connections", async () => {
  await want(lb);
  await client.ask("open", { as: "held", address: "10.99.0.5", port: 80 });
  const before = await balancer();
  const [http, dns] = lb.ports;
  const next = { ...lb, ports: [http!, { ...http!, name: "alt", port: 8080 }, dns!] };
  expect(await want(next)).toEqual(["update config"]);
  expect(await client.ask("connect", { address: "10.99.0.5", port: 8080 })).toMatch(/^[ab] /);
  expect(await want(next, nodes.slice(0, 1))).toEqual(["update config"]);
  for (let i = 0; i < 10; i++) expect(await get()).toMatch(/^a /);
  expect(await client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
  expect(await balancer()).toEqual(before);
});

it("asks nodes at healthCheckNodePort for policy Local, and sends to those alone that say yes", async () => {
  // Node a, whose 10256 answers, has no endpoint of its own.
  await nodes[1]!.ask("serve", { name: "b", tcp: 30_081, udp: 30_054, health: 31_000 });
  const healthCheck = { protocol: "HTTP", port: 31_000, path: "/healthz" } as const;
  await want({ ...lb, externalTrafficPolicy: "Local", healthCheck });
  const ready = async () => adapter.status(lb, await adapter.observe(key(), "live", signal));
  await eventually(async () => expect((await ready()).targets).toEqual({ ready: 1, total: 2 }));
  expect((await ready()).unhealthy).toEqual([{ node: "a", reason: expect.stringContaining("ECONNREFUSED") }]);
  for (let i = 0; i < 10; i++) expect(await get()).toMatch(/^b /);
});

it("lets connections to a node that goes drain as the Service says", async () => {
  await want(lb);
  let name = 0;
  while (!(await client.ask("open", { as: `${++name}`, address: "fd99::5", port: 80 })).startsWith("b"));
  await want({ ...lb, annotations: { "berth.dev/drain-seconds": "60" } }, nodes.slice(0, 1));
  expect(await client.ask("say", { as: `${name}`, text: "me" })).toBe("b me");
  await want({ ...lb, annotations: { "berth.dev/drain-seconds": "0" } }, nodes.slice(0, 1));
  expect(await client.ask("say", { as: `${name}`, text: "me" })).toMatch(/^ECONNRESET|CLOSED$/);
});

it("leaves traffic flowing when the balancer is killed, and starts it again", async () => {
  await want(lb);
  const killed = await balancer();
  signalProcess(killed, "SIGKILL");
  await eventually(() => expect(isRunning(killed)).toBe(false));
  expect(await get()).toMatch(/^[ab] /);
  expect(await want(lb)).toEqual(expect.arrayContaining(["create process"]));
  expect(isRunning(await balancer())).toBe(true);
  expect(await get()).toMatch(/^[ab] /);
  // Nobody is left waiting for its parent.
  await expect(readFile(`/proc/${killed.pid}/stat`)).rejects.toThrow("ENOENT");
});

it("leaves balancers to the next controller", async () => {
  await want(lb);
  const before = await balancer();
  adapter = createAdapter();
  expect(await want(lb)).toEqual([]);
  expect(await balancer()).toEqual(before);
  await want(null);
  expect(isRunning(before)).toBe(false);
});

it("ends a balancer that does not listen", async () => {
  await want(lb);
  const deaf = await balancer();
  signalProcess(deaf, "SIGSTOP");
  await want(null);
  expect(isRunning(deaf)).toBe(false);
});

it("heals when the controller ends between the start of a balancer and its first word", async () => {
  const target = { kind: "service", lb, nodes: [] } as const;
  const plan = adapter.plan(key(), target, await adapter.observe(key(), "live", signal));
  for (const step of plan.steps) await adapter.apply(step, new Map(), signal);
  adapter = createAdapter();
  await want(lb);
  expect(await get()).toMatch(/^[ab] /);
  const holder = await balancer();
  // The lock of the namespace leaves one of them.
  await eventually(async () => expect(await processesIn(names().netns)).toEqual([holder.pid]));
});

it("leaves nothing of a balancer that was only just started", async () => {
  const target = { kind: "service", lb, nodes: [] } as const;
  const plan = adapter.plan(key(), target, await adapter.observe(key(), "live", signal));
  for (const step of plan.steps) await adapter.apply(step, new Map(), signal);
  const [pid] = await processesIn(names().netns);
  await want(null);
  await eventually(() => expect(findProcess(pid!)).toBeUndefined());
});

it("moves a balancer whose namespace was taken away into a new one", async () => {
  await want(lb);
  const before = await balancer();
  await network.run(network.name, [`netns delete ${names().netns}`]);
  expect((await want(lb))[0]).toBe("create network, delete stray, create process");
  expect(isRunning(before)).toBe(false);
  await eventually(async () => expect(await get()).toMatch(/^[ab] /));
});

it("tells when health changes", async () => {
  const keys: ScopeKey[] = [];
  await want(lb);
  using _watch = adapter.watchHealth((changed) => keys.push(changed));
  const ready = async (count: number) =>
    eventually(async () => {
      expect(keys).not.toEqual([]);
      expect(adapter.status(lb, await adapter.observe(key(), "live", signal)).targets.ready).toBe(count);
    });
  await nodes[0]!.ask("setHealth", { status: 503 });
  await ready(1);
  expect(keys).toContainEqual(key());
  keys.length = 0;
  await nodes[0]!.ask("setHealth", { status: 200 });
  await ready(2);
});

it("does not touch a namespace of its name that is not its own", async () => {
  await network.run(network.name, [`netns add ${names().netns}`]);
  await expect(want(lb)).rejects.toThrow("a network namespace of this load balancer's name exists");
  expect(await want(null)).toEqual([]);
  expect(await listNetns(network.exec, { signal })).toContain(names().netns);
});

it("says why a balancer does not start", async () => {
  adapter = createAdapter({ PATH: "/nonexistent" }, ["/usr/bin/env", `PATH=/nonexistent`, process.execPath, main]);
  await expect(want(lb)).rejects.toThrow(/ENOENT/);
  adapter = createAdapter(network.environment, ["/usr/bin/env", "PATH=/nonexistent", process.execPath, main]);
  await expect(want(lb)).rejects.toThrow(
    /the balancer ended at once \(exit code 1\): berth balancer: program nft not found/,
  );
});
