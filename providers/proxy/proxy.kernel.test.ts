import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Peer, TestNetwork } from "../../src/balancer/testing/index.ts";
import { systemClock } from "../../src/base/index.ts";
import { findLink, listNetns, netnsExec } from "../../src/kernel/index.ts";
import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import { parseCidr } from "../../src/net/index.ts";
import { balancerNamespaces, createProxyProvider, type ProxyAdapter } from "./index.ts";
import { namesOf } from "./names.ts";
import { converge, desiredLb, ip, node } from "./testing.ts";

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
  await want(null);
  await network[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true });
});

function createAdapter(): ProxyAdapter {
  return createProxyProvider({
    stateDir,
    clusterId: network.name,
    network: {
      netns: network.name,
      bridge: network.bridge,
      prefixes: [parseCidr("10.99.0.0/16")!, parseCidr("fd99::/64")!],
    },
    balancerCommand: [process.execPath, join(import.meta.dirname, "../../src/cli/main.ts"), "balancer"],
    environment: network.environment,
    exec: network.exec,
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
  const begun = performance.now();
  const summaries = await want(lb);
  const first = await client.ask("connect", { address: "10.99.0.5", port: 80 });
  console.log(`converged and served in ${Math.round(performance.now() - begun)} ms`);
  expect(first).toMatch(/^[ab] /);
  expect(summaries[0]).toBe("create directory, create config, create network, create process");
  expect(await client.ask("datagram", { as: "u", address: "fd99::5", port: 53 })).toMatch(/^[ab] /);

  const { netns, port, directory } = namesOf(stateDir, lb.id);
  expect(await balancerNamespaces(stateDir)).toEqual([netns]);
  await want(null);
  expect(await balancerNamespaces(stateDir)).toEqual([]);
  expect(await listNetns(network.exec, { signal })).not.toContain(netns);
  expect(await findLink(netnsExec(network.exec, network.name), port, { signal })).toBeUndefined();
  await expect(rm(directory)).rejects.toThrow("ENOENT");
});
