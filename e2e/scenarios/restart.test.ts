// Restarts under traffic, and what a restart writes: counted from outside, by programs on PATH and by a proxy in front
// of the API server.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { Sandbox, SandboxNode } from "../../sandbox/cluster/index.ts";
import { execOk, netnsPath } from "../../src/kernel/index.ts";
import { recordedCalls, recordPrograms } from "../tools/recorded-program.ts";
import { answered, applyEcho, eventually, patienceMs, serviceView, startCluster, withAddresses } from "./cluster.ts";

const proxyPort = 7443;
const restores = ["iptables-restore", "ip6tables-restore"] as const;
let directory: string;
let sandbox: Sandbox;
let proxy: ChildProcess;
let address: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "berth-e2e-"));
  recordPrograms(join(directory, "bin"), restores);
  sandbox = await startCluster({
    // The agents start when the proxy is there.
    components: { agents: false },
    agentArgs: [`--kubeconfig=${join(directory, "agent.kubeconfig")}`],
    agentPath: join(directory, "bin"),
  });
  const host = sandbox.fabric.addresses[0] ?? "";
  const kubeconfig = parse(readFileSync(sandbox.kubeconfig, "utf8")) as { clusters: { cluster: object }[] };
  kubeconfig.clusters = kubeconfig.clusters.map((entry) => ({
    ...entry,
    cluster: { server: `http://${host}:${proxyPort}` },
  }));
  writeFileSync(join(directory, "agent.kubeconfig"), stringify(kubeconfig));
  const tool = new URL("../tools/recording-proxy.ts", import.meta.url).pathname;
  proxy = await startIn(sandbox.fabric.netns, [
    tool,
    host,
    `${proxyPort}`,
    join(sandbox.runDir, "api.sock"),
    join(directory, "requests"),
  ]);
  await Promise.all(sandbox.nodes.map((node) => startAgent(node)));
  await applyEcho(sandbox, { name: "echo", replicas: 3 });
  const service = await withAddresses(sandbox, "echo", 2);
  address = service.status.loadBalancer.ingress?.[0]?.ip ?? "";
  await answered(sandbox.client.exec, "http", address, 80);
});
afterAll(async () => {
  proxy?.kill();
  await sandbox?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

it("restarts every agent, the controller and a balancer under traffic without losing a request", async () => {
  const load = await startIn(sandbox.client.netns, [
    new URL("../tools/load.ts", import.meta.url).pathname,
    address,
    "80",
  ]);
  const summary = lastLine(load);
  for (const node of sandbox.nodes) {
    await node.agent.stop();
    await startAgent(node);
  }
  await sandbox.controller.kill();
  await sandbox.controller.start();
  await killBalancer();
  await controllerHeals();
  load.kill("SIGTERM");
  const { answered: count, failures } = JSON.parse(await summary) as { answered: number; failures: string[] };
  expect(failures).toEqual([]);
  expect(count).toBeGreaterThan(0);
});

it("an agent that comes back to what it left writes nothing, neither rules nor to the API", async () => {
  const [node] = sandbox.nodes;
  if (node === undefined) throw new Error("no node");
  await node.agent.stop();
  const before = { calls: callCounts(), writes: apiWrites(), rules: await rulesOf(node) };
  await startAgent(node);
  await eventually(async () => expect(requests().length).toBeGreaterThan(0));
  expect({ calls: callCounts(), writes: apiWrites(), rules: await rulesOf(node) }).toEqual(before);
});

it("an agent that finds one rule altered rewrites exactly its chain", async () => {
  const [node] = sandbox.nodes;
  if (node === undefined) throw new Error("no node");
  await node.agent.stop();
  const rules = await rulesOf(node);
  const jump = rules.split("\n").find((line) => line.startsWith("-A KUBE-SVC-") && line.includes("KUBE-SEP-"));
  const chain = jump?.split(" ")[1] ?? "";
  await execOk(node.exec, "iptables", ["-t", "nat", "-D", chain, "1"], { signal: AbortSignal.timeout(patienceMs) });
  const before = callCounts();
  const writes = apiWrites();
  await startAgent(node);
  await eventually(async () => expect(await rulesOf(node)).toBe(rules));
  const calls = recordedCalls(join(directory, "bin"), "iptables-restore").slice(before["iptables-restore"]);
  expect(calls.length).toBe(1);
  expect(touchedChains(calls[0] ?? "")).toEqual([chain]);
  expect(callCounts()["ip6tables-restore"]).toBe(before["ip6tables-restore"]);
  expect(apiWrites()).toEqual(writes);
});

it("a controller that comes back to what it left changes nothing", async () => {
  const before = await serviceView(sandbox, "echo");
  await sandbox.controller.stop();
  await sandbox.controller.start();
  await controllerHeals();
  expect(await serviceView(sandbox, "echo")).toEqual(before);
});

async function startAgent({ agent, exec }: SandboxNode): Promise<void> {
  await agent.start();
  await eventually(() =>
    execOk(exec, "curl", ["-sf", "http://127.0.0.1:10256/healthz"], { signal: AbortSignal.timeout(patienceMs) }),
  );
}

/** The rules of the agent, without counters, comments and time stamps. */
async function rulesOf({ exec }: SandboxNode): Promise<string> {
  const save = await execOk(exec, "iptables-save", ["-t", "nat"], { signal: AbortSignal.timeout(patienceMs) });
  return save
    .split("\n")
    .filter((line) => line.startsWith("-A "))
    .join("\n");
}

function callCounts(): Record<string, number> {
  return Object.fromEntries(restores.map((name) => [name, recordedCalls(join(directory, "bin"), name).length]));
}

function requests(): readonly string[] {
  const file = join(directory, "requests");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

function apiWrites(): readonly string[] {
  return requests().filter((line) => !line.startsWith("GET "));
}

/** Chains that a restore declares (and so flushes), writes to or removes. */
function touchedChains(restore: string): readonly string[] {
  const names = restore.split("\n").flatMap((line) => /^(?::|-[AIDXF] )(\S+)/.exec(line)?.[1] ?? []);
  return [...new Set(names)].toSorted();
}

/** The balancer of the Service, by the pid that its state directory records. */
function balancerPid(): number {
  const [cluster = ""] = readdirSync(join(sandbox.runDir, "balancers"));
  const [uid = ""] = readdirSync(join(sandbox.runDir, "balancers", cluster));
  return Number(/\d+/.exec(readFileSync(join(sandbox.runDir, "balancers", cluster, uid, "pid"), "utf8"))?.[0]);
}

async function killBalancer(): Promise<void> {
  process.kill(balancerPid(), "SIGKILL");
}

/** A controller that leads and has gone through its Services answers ready. */
async function controllerHeals(): Promise<void> {
  await eventually(async () => {
    process.kill(balancerPid(), 0);
    const { holderIdentity } = JSON.parse(
      await sandbox.kubectl(["get", "leases", "-A", "-o", "jsonpath={.items[0].spec}"]),
    ) as { holderIdentity: string };
    expect(holderIdentity).not.toBe("");
  });
}

/** Starts a tool of ours in a namespace; resolves with its first line. */
async function startIn(netns: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn("nsenter", [`--net=${netnsPath(netns)}`, "--", process.execPath, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    child.stdout?.once("data", resolve);
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)));
  });
  return child;
}

async function lastLine(child: ChildProcess): Promise<string> {
  let last = "";
  if (child.stdout === null) return last;
  for await (const line of createInterface({ input: child.stdout })) last = line;
  return last;
}
