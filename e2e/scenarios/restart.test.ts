// Restarts under traffic, and what a restart writes: counted from outside, by programs on PATH and by a proxy in front
// of the API server.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyKubeconfig, type Sandbox, type SandboxNode } from "../../sandbox/cluster/index.ts";
import { execOk, netnsPath } from "../../src/kernel/index.ts";
import { freePort } from "../../src/telemetry/testing/free-port.ts";
import { recordedCalls, recordPrograms } from "../tools/recorded-program.ts";
import { answered, applyEcho, eventually, patienceMs, serviceView, startCluster, withAddresses } from "./cluster.ts";

const proxyPort = 7443;
const families = ["iptables", "ip6tables"] as const;
/** An agent that finds rules uses the implementation that holds them by its own name. */
const restores = families.flatMap((family) => [`${family}-restore`, `${family}-nft-restore`]);
let directory: string;
let sandbox: Sandbox;
let proxy: Tool;
let address: string;
let metricsPort: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "berth-e2e-"));
  recordPrograms(join(directory, "bin"), restores);
  metricsPort = await freePort();
  sandbox = await startCluster({
    // The agents start when the proxy is there.
    components: { agents: false },
    agentArgs: [`--kubeconfig=${join(directory, "agent.kubeconfig")}`],
    agentPath: join(directory, "bin"),
    controllerArgs: [`--metrics-bind-address=127.0.0.1:${metricsPort}`],
  });
  const host = sandbox.fabric.addresses[0] ?? "";
  const kubeconfig = join(directory, "agent.kubeconfig");
  await copyKubeconfig(join(sandbox.runDir, "agent.kubeconfig"), kubeconfig, `http://${host}:${proxyPort}`);
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
  await proxy?.end();
  await sandbox?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

it("restarts every agent, the controller and a balancer under traffic without losing a request", async () => {
  await using load = await startIn(sandbox.client.netns, [
    new URL("../tools/load.ts", import.meta.url).pathname,
    address,
    "80",
  ]);
  for (const node of sandbox.nodes) {
    await node.agent.stop();
    await startAgent(node);
  }
  await sandbox.controller.kill();
  await sandbox.controller.start();
  await controllerSynced();
  await killBalancer();
  const { answered: count, failures } = JSON.parse(await load.end()) as { answered: number; failures: string[] };
  expect(failures).toEqual([]);
  expect(count).toBeGreaterThan(0);
});

it("an agent that comes back to what it left writes nothing, neither rules nor to the API", async () => {
  const [node] = sandbox.nodes;
  if (node === undefined) throw new Error("no node");
  await node.agent.stop();
  const before = { calls: callCounts(), writes: apiWrites(), rules: await rulesOf(node) };
  await startAgent(node);
  // Else nobody looks at what is written.
  expect(requests().length).toBeGreaterThan(0);
  expect({ restores: restoresSince(before.calls), writes: apiWrites(), rules: await rulesOf(node) }).toEqual({
    restores: { iptables: [], ip6tables: [] },
    writes: before.writes,
    rules: before.rules,
  });
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
  const { iptables, ip6tables } = restoresSince(before);
  expect(iptables.map(touchedChains)).toEqual([[chain]]);
  expect(ip6tables).toEqual([]);
  expect(apiWrites()).toEqual(writes);
});

it("a controller that comes back to what it left changes nothing", async () => {
  const before = await serviceView(sandbox, "echo");
  await sandbox.controller.stop();
  await sandbox.controller.start();
  await controllerSynced();
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

type Counts = Readonly<Record<(typeof families)[number], number>>;

function callCounts(): Counts {
  return { iptables: recorded("iptables").length, ip6tables: recorded("ip6tables").length };
}

function restoresSince(before: Counts): Record<keyof Counts, readonly string[]> {
  return {
    iptables: recorded("iptables").slice(before.iptables),
    ip6tables: recorded("ip6tables").slice(before.ip6tables),
  };
}

/** All restores but those by which an agent finds out at its start what the kernel can do. */
function recorded(family: (typeof families)[number]): readonly string[] {
  return restores
    .filter((name) => name.startsWith(`${family}-`))
    .flatMap((name) => recordedCalls(join(directory, "bin"), name))
    .filter((call) => !call.includes("BERTH-TRIAL"));
}

function requests(): readonly string[] {
  const file = join(directory, "requests");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

/** Writes of agents but those by which each says that it started and that it lives. */
function apiWrites(): readonly string[] {
  const own =
    /^(?:PATCH|POST) \/apis\/(?:coordination.k8s.io\/v1\/namespaces\/berth-node-lease\/leases\b|events.k8s.io\/)/;
  return requests().filter((line) => !line.startsWith("GET ") && !own.test(line));
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

/** Kills the balancer and waits for the controller to start another and to find all as it should be. */
async function killBalancer(): Promise<void> {
  const killed = balancerPid();
  process.kill(killed, "SIGKILL");
  await eventually(async () => expect(balancerPid()).not.toBe(killed));
  await eventually(async () => {
    const { status } = await serviceView(sandbox, "echo");
    expect(status.conditions?.find(({ type }) => type === "berth.dev/Programmed")?.status).toBe("True");
  });
}

/** A controller that was started leads, and has gone through the Service once. */
async function controllerSynced(): Promise<void> {
  await eventually(async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const syncs = /^service_controller_loadbalancer_sync_total\S* (\d+)/m.exec(metrics)?.[1];
    expect(Number(syncs)).toBeGreaterThan(0);
  });
}

/** A tool of ours that runs in a namespace; disposing it ends it. */
interface Tool extends AsyncDisposable {
  /** Asks it to end; resolves with the last line that it wrote. */
  end(): Promise<string>;
}

/** Resolves with the tool's first line. */
async function startIn(netns: string, args: readonly string[]): Promise<Tool> {
  const child = spawn("nsenter", [`--net=${netnsPath(netns)}`, "--", process.execPath, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  const closed = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      resolve();
    });
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)));
  });
  async function end(): Promise<string> {
    child.kill("SIGTERM");
    await closed;
    return text.trimEnd().split("\n").at(-1) ?? "";
  }
  return { end, [Symbol.asyncDispose]: async () => void (await end()) };
}
