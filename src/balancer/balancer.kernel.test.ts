import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { execOk, netnsExec, netnsPath } from "../kernel/index.ts";
import { type BalancerConfig, parseBalancerStatus, renderBalancerConfig, textHash } from "./config.ts";
import { eventually, type Peer, TestNetwork } from "./testing/index.ts";

const main = join(import.meta.dirname, "../cli/main.ts");
const address = "10.99.0.5";
const address6 = "fd99::5";

let network: TestNetwork;
let directory: string;
let client: Peer;
let nodes: Peer[];
let balancers: ChildProcess[];
let config: BalancerConfig;
let path: string;

beforeEach(async () => {
  network = await TestNetwork.create();
  directory = await mkdtemp(join(tmpdir(), "berth-balancer-"));
  balancers = [];
  path = network.environment["PATH"]!;
  client = await network.addPeer("client", "1.1");
  nodes = [await network.addPeer("node-a", "2.1"), await network.addPeer("node-b", "2.2")];
  for (const [i, node] of nodes.entries())
    await node.ask("serve", { name: ["a", "b"][i]!, tcp: 30_080, udp: 30_053, health: 10_256 });
  await network.addHost("lb", "0.5");
  await tee("1", "ipv4/ip_forward", "ipv6/conf/all/forwarding");
  await tee("0", "ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit");
  config = {
    addresses: [address, address6],
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

async function tee(value: string, ...switches: readonly string[]): Promise<void> {
  const paths = switches.map((name) => `/proc/sys/net/${name}`);
  const options = { signal: AbortSignal.timeout(10_000), stdin: value };
  await execOk(netnsExec(network.exec, lb()), "tee", paths, options);
}

function start(...flags: readonly string[]): ChildProcess {
  const balancer = spawn(
    "nsenter",
    [`--net=${netnsPath(lb())}`, "--", process.execPath, main, "balancer", "--state-dir", directory, ...flags],
    { stdio: "ignore", env: { PATH: path } },
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
  await eventually(async () => expect((await status())?.applied).toBe(hash));
}

async function healthy(names: readonly string[]): Promise<void> {
  await eventually(async () =>
    expect((await status())?.targets.filter((t) => t.healthy).map((t) => t.name)).toEqual(names),
  );
}

async function greetings(count: number, to = address): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < count; i++) all.push(await client.ask("connect", { address: to, port: 80 }));
  return all;
}

/** The names that the greetings begin with, each once. */
function namesIn(greetings: readonly string[]): string[] {
  return [...new Set(greetings.map((greeting) => greeting.split(" ")[0]!))].sort();
}

/** Opens connections until one is with this node; returns what it is called. */
async function connectionTo(name: string): Promise<string> {
  for (let i = 0; ; i++)
    if ((await client.ask("open", { as: `${i}`, address, port: 80 })).startsWith(name)) return `${i}`;
}

function rules(): Promise<string> {
  return netnsExec(network.exec, lb())
    .run("nft", ["-a", "list", "ruleset"], { signal: AbortSignal.timeout(10_000) })
    .then(({ stdout }) => stdout);
}

it("spreads TCP and UDP of both families over the nodes, which see the balancer as the client", async () => {
  await put(config);
  start();
  await inForce();
  for (const [to, seen] of [
    [address, `::ffff:${address}`],
    [address6, address6],
  ] as const) {
    expect(new Set(await greetings(40, to))).toEqual(new Set([`a ${seen}`, `b ${seen}`]));
    const udp = new Set<string>();
    for (let i = 0; i < 40; i++) udp.add(await client.ask("datagram", { as: `${to} ${i}`, address: to, port: 53 }));
    expect(udp).toEqual(new Set([`a ${seen}`, `b ${seen}`]));
  }
});

it("takes an unhealthy node out, moves its UDP flows, keeps its connections, and brings it back", async () => {
  await put(config);
  start();
  await inForce();
  await healthy(["a", "b"]);
  const flow = { as: "flow", address, port: 53 };
  const first = (await client.ask("datagram", flow)).slice(0, 1);
  expect((await client.ask("datagram", flow)).slice(0, 1)).toBe(first);
  const held = await connectionTo(first);
  const [gone, other] = first === "a" ? [nodes[0]!, "b"] : [nodes[1]!, "a"];

  await gone.ask("setHealth", { status: 503 });
  await healthy([other]);
  expect(namesIn(await greetings(20))).toEqual([other]);
  expect(await client.ask("datagram", flow)).toMatch(new RegExp(`^${other} `));
  expect(await client.ask("say", { as: held, text: "still there" })).toBe(`${first} still there`);
  expect((await status())?.targets.find(({ name }) => name === first)?.reason).toBe("HTTP 503");

  await gone.ask("setHealth", { status: 200 });
  await healthy(["a", "b"]);
  expect(namesIn(await greetings(40))).toEqual(["a", "b"]);
});

it("loses no connection to a node that falls silent: its client's next attempt goes elsewhere", async () => {
  await put(config);
  start();
  await inForce();
  await healthy(["a", "b"]);
  await network.run(network.name, ["link set node-a down"]);
  const answers: string[] = [];
  // Some of these wait for node a until it is known to be gone.
  while ((await status())?.targets[0]?.healthy === true) answers.push(...(await greetings(1)));
  expect(namesIn([...answers, ...(await greetings(10))])).toEqual(["b"]);
});

it("refuses at once what no healthy node could take, and ports that are not served", async () => {
  for (const node of nodes) await node.ask("setHealth", { status: 503 });
  await put(config);
  start();
  await inForce();
  for (const to of [address, address6]) {
    expect(await client.ask("connect", { address: to, port: 80 })).toBe("ECONNREFUSED");
    expect(await client.ask("datagram", { as: `none ${to}`, address: to, port: 53 })).toBe("ECONNREFUSED");
  }
  for (const node of nodes) await node.ask("setHealth", { status: 200 });
  await healthy(["a", "b"]);
  // A client that is served would be told to go to the node directly, which must not cost it the refusals.
  await greetings(10);
  await greetings(10, address6);
  for (const to of [address, address6]) {
    expect(await client.ask("connect", { address: to, port: 80 })).toMatch(/^[ab] /);
    // The same socket: nothing of the refusal sticks to its flow.
    expect(await client.ask("datagram", { as: `none ${to}`, address: to, port: 53 })).toMatch(/^[ab] /);
    expect(await client.ask("connect", { address: to, port: 81 })).toBe("ECONNREFUSED");
    for (let i = 0; i < 20; i++)
      expect(await client.ask("datagram", { as: `unused ${to}`, address: to, port: 54 })).toBe("ECONNREFUSED");
  }
});

it("applies a new configuration without cutting a connection or failing a new one", async () => {
  await put(config);
  start();
  await inForce();
  await client.ask("open", { as: "held", address, port: 80 });
  const asking = new AbortController();
  const answers = (async () => {
    const all: string[] = [];
    while (!asking.signal.aborted) all.push(await client.ask("connect", { address, port: 80 }));
    return all;
  })();
  const [http, dns] = config.ports;
  for (let port = 1000; port < 1030; port++) {
    await put({ ...config, ports: [http!, dns!, { protocol: "TCP", port, nodePort: 30_080 }] });
    await inForce();
  }
  asking.abort();
  expect(namesIn(await answers)).toEqual(["a", "b"]);
  expect(await client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
  expect(await client.ask("connect", { address, port: 1029 })).toMatch(/^[ab] /);
  expect(await client.ask("connect", { address, port: 1028 })).toBe("ECONNREFUSED");

  await put({ ...config, targets: config.targets.slice(0, 1) });
  await inForce();
  expect(namesIn(await greetings(20))).toEqual(["a"]);
  expect(await client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
});

it("leaves the rules when it ends or is killed, and adopts them without writing any", async () => {
  await put(config);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const balancer = start();
    await inForce();
    const before = await rules();
    const flow = { as: signal, address, port: 53 };
    const through = await client.ask("datagram", flow);
    const ended = once(balancer, "exit");
    balancer.kill(signal);
    expect(await ended).toEqual(signal === "SIGTERM" ? [0, null] : [null, "SIGKILL"]);
    expect(namesIn(await greetings(40))).toEqual(["a", "b"]);

    await rm(join(directory, "pid"));
    const next = start();
    await eventually(() => readFile(join(directory, "pid")));
    await put({ ...config, targets: config.targets.toReversed() });
    await inForce();
    // Handles are given anew to every rule that is written.
    expect(await rules()).toBe(before);
    expect(await client.ask("datagram", flow)).toBe(through);
    const stopped = once(next, "exit");
    next.kill("SIGTERM");
    await stopped;
  }
});

it("lets only the source ranges in, over TCP and UDP", async () => {
  await put(config);
  start();
  await inForce();
  await client.ask("open", { as: "held", address, port: 80 });
  await put({ ...config, sourceRanges: ["10.99.7.0/24", "fd99::7:0/112"] });
  await inForce();
  const timeoutMs = 300;
  for (const to of [address, address6]) {
    expect(await client.ask("connect", { address: to, port: 80, timeoutMs })).toBe("TIMEOUT");
    expect(await client.ask("datagram", { as: `out ${to}`, address: to, port: 53, timeoutMs })).toBe("TIMEOUT");
  }
  expect(await client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
  // No range of the other family: nobody of that family may connect.
  await put({ ...config, sourceRanges: [`${client.v4}/32`] });
  await inForce();
  expect(await client.ask("connect", { address, port: 80 })).toMatch(/^[ab] /);
  expect(await client.ask("datagram", { as: `out ${address}`, address, port: 53 })).toMatch(/^[ab] /);
  expect(await client.ask("connect", { address: address6, port: 80, timeoutMs })).toBe("TIMEOUT");
});

it("keeps a client on its node with ClientIP affinity", async () => {
  await put({ ...config, sessionAffinity: "ClientIP" });
  start();
  await inForce();
  const [mine] = namesIn(await greetings(20));
  expect(namesIn(await greetings(20))).toEqual([mine]);
  const index = mine === "a" ? 0 : 1;
  await nodes[1 - index]!.ask("setHealth", { status: 503 });
  await healthy([mine!]);
  expect(namesIn(await greetings(20))).toEqual([mine]);
  await nodes[1 - index]!.ask("setHealth", { status: 200 });
  await healthy(["a", "b"]);
  await nodes[index]!.ask("setHealth", { status: 503 });
  await healthy([mine === "a" ? "b" : "a"]);
  expect(namesIn(await greetings(5))).toEqual([mine === "a" ? "b" : "a"]);
});

it("keeps the last good configuration when the new one is wrong, and says so", async () => {
  await put(config);
  start();
  await inForce();
  const good = await status();
  await writeFile(join(directory, "config.json"), '{"addresses": ["nonsense"]}');
  await eventually(async () =>
    expect((await status())?.failure).toContain('addresses[0]: "nonsense" is no IP address'),
  );
  expect((await status())?.applied).toBe(good?.applied);
  expect(namesIn(await greetings(20))).toEqual(["a", "b"]);
  await put(config);
  await eventually(async () => expect(await status()).toEqual(good));
});

it("goes on with the rules that it has while new ones fail, and says why", async () => {
  const broken = join(directory, "broken");
  const script = `#!/bin/sh\n[ "$1" = -f ] && [ -e ${broken} ] && { echo out of luck >&2; exit 1; }\nexec /usr/sbin/nft "$@"\n`;
  await mkdir(join(directory, "bin"));
  await writeFile(join(directory, "bin/nft"), script, { mode: 0o755 });
  path = `${join(directory, "bin")}:${network.environment["PATH"]}`;
  await put(config);
  start();
  await inForce();
  const good = await status();
  await writeFile(broken, "");
  await put({ ...config, ports: config.ports.slice(0, 1) });
  await eventually(async () => expect((await status())?.failure).toMatch(/^nft -f -: exit code 1: out of luck$/));
  expect((await status())?.applied).toBe(good?.applied);
  expect(namesIn(await greetings(20))).toEqual(["a", "b"]);
  await rm(broken);
  await inForce();
  await eventually(async () => expect((await status())?.failure).toBeUndefined());
  expect(await client.ask("datagram", { as: "gone", address, port: 53 })).toBe("ECONNREFUSED");
});

it("ends when its directory is gone", async () => {
  await put(config);
  const balancer = start();
  await inForce();
  const ended = once(balancer, "exit");
  await rm(directory, { recursive: true });
  expect(await ended).toEqual([0, null]);
  expect(namesIn(await greetings(20))).toEqual(["a", "b"]);
  await mkdir(directory);
});

it("tells its metrics", async () => {
  await put(config);
  start("--metrics-bind-address", "127.0.0.1:9090");
  await inForce();
  await healthy(["a", "b"]);
  const { stdout } = await netnsExec(network.exec, lb()).run("curl", ["-s", "http://127.0.0.1:9090/metrics"], {
    signal: AbortSignal.timeout(10_000),
  });
  expect(stdout).toContain('berth_balancer_targets{state="healthy"} 2');
});
