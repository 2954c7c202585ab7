import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { Fabric, FakeGce, type Machine } from "../../sandbox/gce/index.ts";
import { execOk } from "../../src/kernel/index.ts";
import { withPort } from "../../src/net/index.ts";
import { answered, applyEcho, eventually, patienceMs, serviceView, startCluster, withAddresses } from "./cluster.ts";

const region = "europe-west1";
const service = { loadBalancerClass: "berth.dev/gcp-l4", allocateLoadBalancerNodePorts: false };
const machines: readonly Machine[] = ["node1", "node2"].map((name, i) => ({
  name,
  zone: `${region}-${"ab"[i]}`,
  address: `10.0.0.${i + 1}`,
  subnetwork: "nodes",
}));

let gce: FakeGce;
let sandbox: Sandbox;
let fabric: Fabric;

beforeAll(async () => {
  const place = { project: "shop", region, network: "default", subnetworks: ["nodes"] };
  gce = await FakeGce.start({ ...place, machines, steps: 3, probe });
  sandbox = await startCluster({
    nodes: 2,
    providerId: ({ name }) => `gce://shop/${machines.find((machine) => machine.name === name)?.zone}/${name}`,
    controllerArgs: [
      "--providers=gcp-l4",
      "--gcp-l4-project=shop",
      `--gcp-l4-region=${region}`,
      "--gcp-l4-subnetwork=nodes",
      `--gcp-l4-endpoint=${gce.url.origin}`,
    ],
  });
  const addresses = new Map(sandbox.nodes.map((node) => [node.name, node.addresses]));
  fabric = new Fabric({ gce, client: sandbox.client.exec, machines: addresses });
});
afterAll(async () => {
  await sandbox?.[Symbol.asyncDispose]();
  await gce?.[Symbol.asyncDispose]();
});

function limit(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(patienceMs) };
}

/** As Google probes: the load balancer's own address, at the machine. */
async function probe({ name }: Machine, check: Readonly<Record<string, unknown>>, vip: string): Promise<boolean> {
  const { port, requestPath } = check["httpHealthCheck"] as { readonly port: number; readonly requestPath: string };
  const node = sandbox.nodes.find((one) => one.name === name);
  const url = `http://${withPort(vip, port)}${requestPath}`;
  const answer = await node?.exec.run("curl", ["-sf", "--max-time", "2", "-o", "/dev/null", url], limit());
  return answer?.code === 0;
}

/** Once packets go to these nodes alone. */
async function arrivesAt(vip: string, ...nodes: readonly string[]): Promise<void> {
  await eventually(async () => expect((await fabric.follow(limit().signal)).get(vip)?.toSorted()).toEqual(nodes));
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
  expect(gce.dangling()).toEqual([]);
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
  const kept = [...gce.world.resources.keys()].filter((path) => !/\/berth-[0-9a-f]{10}-(fw-)?health/.test(path));
  expect(kept).toEqual([]);
  for (const { ip } of status.loadBalancer.ingress ?? [])
    await eventually(async () => {
      for (const { exec } of sandbox.nodes)
        expect(await execOk(exec, "ip", ["route", "show", "table", "local", ip], limit())).toBe("");
    });
});
