import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { netnsExec, netnsPath } from "../kernel/index.ts";
import { type BalancerConfig, parseBalancerStatus, renderBalancerConfig, textHash } from "./config/index.ts";
import { type Peer, TestNetwork } from "./testing/index.ts";

const address = "10.99.0.5";
const address6 = "fd99::0:5";

let network: TestNetwork;
let directory: string;
let client: Peer;
let nodes: Peer[];
let balancers: ChildProcess[];
let config: BalancerConfig;

beforeEach(async () => {
  network = await TestNetwork.create();
  directory = await mkdtemp(join(tmpdir(), "berth-balancer-"));
  balancers = [];
  client = await network.addPeer("client", "1.1");
  nodes = [await network.addPeer("node-a", "2.1"), await network.addPeer("node-b", "2.2")];
  for (const [i, node] of nodes.entries())
    await node.ask("serve", { name: ["a", "b"][i]!, tcp: 30_080, udp: 30_053, health: 10_256 });
  await network.addHost("lb", "0.5");
  await network.exec.run(
    "nsenter",
    [`--net=${netnsPath(lb())}`, "tee", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"],
    { signal: AbortSignal.timeout(10_000), stdin: "1" },
  );
  config = {
    addresses: [address, address6.replace("0:5", "5")],
    ports: [
      { protocol: "TCP", port: 80, nodePort: 30_080 },
      { protocol: "UDP", port: 53, nodePort: 30_053 },
    ],
    targets: nodes.map(({ v4, v6 }, i) => ({ name: ["a", "b"][i]!, addresses: [v4, v6] })),
    healthCheck: {
      port: 10_256,
      path: "/healthz",
      intervalMs: 100,
      timeoutMs: 1000,
      unhealthyAfter: 2,
      healthyAfter: 1,
    },
    sourceRanges: [],
    sessionAffinity: "None",
  };
});

afterEach(async () => {
  for (const balancer of balancers) balancer.kill("SIGKILL");
  await network[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function lb(): string {
  return `${network.name}-lb`;
}

function start(): ChildProcess {
  const balancer = spawn(
    "nsenter",
    [`--net=${netnsPath(lb())}`, "--", process.execPath, "src/cli/main.ts", "balancer", "--state-dir", directory],
    { stdio: "ignore" },
  );
  balancers.push(balancer);
  return balancer;
}

async function status(): Promise<ReturnType<typeof parseBalancerStatus>> {
  return parseBalancerStatus(await readFile(join(directory, "status.json"), "utf8").catch(() => ""));
}

async function put(next: BalancerConfig): Promise<void> {
  config = next;
  const text = renderBalancerConfig(next);
  await writeFile(join(directory, "config.tmp"), text);
  await rename(join(directory, "config.tmp"), join(directory, "config.json"));
}

async function inForce(): Promise<void> {
  const hash = textHash(renderBalancerConfig(config));
  await vi.waitFor(async () => expect((await status())?.applied).toBe(hash), { timeout: 20_000, interval: 5 });
}

async function healthy(names: readonly string[]): Promise<void> {
  await vi.waitFor(
    async () => expect((await status())?.targets.filter((t) => t.healthy).map((t) => t.name)).toEqual(names),
    { timeout: 20_000, interval: 5 },
  );
}

async function greetings(count: number, to = address): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < count; i++) all.push(await client.ask("connect", { address: to, port: 80 }));
  return all;
}

function rules(): Promise<string> {
  return netnsExec(network.exec, lb())
    .run("nft", ["list", "ruleset"], { signal: AbortSignal.timeout(10_000) })
    .then(({ stdout }) => stdout);
}

it("spreads TCP and UDP of both families over the nodes, which see the balancer as the client", async () => {
  await put(config);
  start();
  await inForce();
  for (const [to, seen] of [
    [address, `::ffff:${address}`],
    ["fd99::5", "fd99::5"],
  ] as const) {
    const tcp = await greetings(40, to);
    expect(new Set(tcp)).toEqual(new Set([`a ${seen}`, `b ${seen}`]));
    const udp = new Set<string>();
    for (let i = 0; i < 40; i++) udp.add(await client.ask("datagram", { as: `${to} ${i}`, address: to, port: 53 }));
    expect(udp).toEqual(new Set([`a ${seen}`, `b ${seen}`]));
  }
});
