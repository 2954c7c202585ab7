import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { type GceCluster, startGceCluster } from "../../sandbox/gce/cluster.ts";
import { execOk } from "../../src/kernel/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";
import { answered, applyEcho, eventually, patienceMs, serviceView, withAddresses } from "./cluster.ts";

const service = { loadBalancerClass: "berth.dev/gcp-l4", allocateLoadBalancerNodePorts: false };

let cluster: GceCluster;
let sandbox: Sandbox;

beforeAll(async () => {
  cluster = await startGceCluster({
    environment: process.env,
    logger: createLogger({ level: "error", format: "text" }),
    signal: new AbortController().signal,
    nodes: 2,
  });
  ({ sandbox } = cluster);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

function limit(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(patienceMs) };
}

/** Once packets go to these nodes alone. */
async function arrivesAt(vip: string, ...nodes: readonly string[]): Promise<void> {
  await eventually(async () =>
    expect((await cluster.fabric.follow(limit().signal)).get(vip)?.toSorted()).toEqual(nodes),
  );
}

/** Once a node answers Google's probes. */
async function isHealthy(name: string): Promise<void> {
  await eventually(async () => {
    const { status } = await serviceView(sandbox, name);
    const ready = status.conditions?.find(({ type }) => type === "berth.dev/Ready");
    expect(ready).toMatchObject({ status: "True" });
  });
}

it("answers from outside at the load balancer's addresses, by the nodes whose probes Google's network hears", async () => {
  await applyEcho(sandbox, { name: "web", replicas: 2, service });
  const { status } = await withAddresses(sandbox, "web", 2);
  const vips = (status.loadBalancer.ingress ?? []).map(({ ip, ipMode }) => {
    expect(ipMode).toBe("VIP");
    return ip;
  });
  for (const vip of vips) {
    await arrivesAt(vip, "node1", "node2");
    for (const [protocol, port] of [
      ["http", 80],
      ["udp", 5353],
    ] as const)
      expect((await answered(sandbox.client.exec, protocol, vip, port)).pod).toMatch(/^web-/);
    for (const { exec } of sandbox.nodes)
      expect(await execOk(exec, "ip", ["route", "get", vip], limit())).toMatch(/^local /);
  }
  await isHealthy("web");
  expect(cluster.gce.dangling()).toEqual([]);
});

it("of policy Local the client's own address arrives, where its pod is", async () => {
  const local = { ...service, externalTrafficPolicy: "Local" };
  await applyEcho(sandbox, { name: "local", replicas: 1, service: local, node: "node2" });
  const { status } = await withAddresses(sandbox, "local", 2);
  for (const { ip } of status.loadBalancer.ingress ?? []) {
    await arrivesAt(ip, "node2");
    const answer = await answered(sandbox.client.exec, "http", ip, 80);
    expect(answer.node).toBe("node2");
    expect(sandbox.client.addresses).toContain(answer.client);
  }
  await isHealthy("local");
});

it("takes everything away with the Services, on the nodes too", async () => {
  const { status } = await serviceView(sandbox, "web");
  await sandbox.kubectl(["delete", "deployment,service", "web", "local"]);
  const kept = [...cluster.gce.world.resources.keys()].filter(
    (path) => !/\/berth-[0-9a-f]{10}-(fw-)?health/.test(path),
  );
  expect(kept).toEqual([]);
  for (const { ip } of status.loadBalancer.ingress ?? [])
    await eventually(async () => {
      for (const { exec } of sandbox.nodes)
        expect(await execOk(exec, "ip", ["route", "show", "table", "local", ip], limit())).toBe("");
    });
});
