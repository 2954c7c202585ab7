import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { type GceCluster, startGceCluster } from "../../sandbox/gce/fabric/index.ts";
import { type Exec, execOk, ipBatch, listLocalRoutes } from "../../src/kernel/index.ts";
import { formatIp } from "../../src/net/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";
import { answered, applyEcho, ask, eventually, patienceMs, serviceView, withAddresses } from "./cluster.ts";

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

/** What there is of one Service, without what is in the names of all. */
function chainOf(name: string): readonly string[] {
  const own = new RegExp(`/([A-Za-z]+)/berth-default-${name}-[0-9a-f]{10}(.*)$`);
  return [...cluster.gce.world.resources.keys()]
    .flatMap((path) => {
      const [, collection = "", rest = ""] = own.exec(path) ?? [];
      return collection === "" ? [] : [`${collection} ${rest.replace(/(address-v[46])-\w+/, "$1")}`.trim()];
    })
    .toSorted();
}

/** Whether a health server answers at a load balancer's address, asked from a node itself as Google's probes are. */
async function probed(node: number, vip: string, port: number): Promise<boolean> {
  const exec = sandbox.nodes[node]?.exec;
  const url = `http://${vip.includes(":") ? `[${vip}]` : vip}:${port}/healthz`;
  const answer = await exec?.run("curl", ["-sf", "--max-time", "5", "-o", "/dev/null", url], limit());
  return answer?.code === 0;
}

/** Which protocols' routes of a node say that an address is its own. */
async function routesTo(exec: Exec, vip: string): Promise<readonly string[]> {
  const routes = await listLocalRoutes(exec, vip.includes(":") ? "IPv6" : "IPv4", limit());
  return routes.filter(({ to }) => formatIp(to.base) === vip).map(({ protocol }) => protocol);
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
  expect(chainOf("web")).toEqual([
    "addresses -address-v4",
    "addresses -address-v6",
    "backendServices",
    ...["allow", "deny"].flatMap((use) => ["v4", "v6"].map((family) => `firewalls -fw-${use}-${family}`)),
    ...["tcp", "udp"].flatMap((protocol) => ["v4", "v6"].map((family) => `forwardingRules -${protocol}-${family}`)),
    "networkEndpointGroups",
    "networkEndpointGroups",
  ]);
});

it("lets in by its source ranges alone, and probes all the same", async () => {
  const { status } = await serviceView(sandbox, "web");
  const allow = async (ranges: readonly string[]): Promise<void> =>
    void (await sandbox.kubectl([
      "patch",
      "service",
      "web",
      "--type=merge",
      "--patch",
      JSON.stringify({ spec: { loadBalancerSourceRanges: ranges } }),
    ]));
  await allow(["203.0.113.0/24", "2001:db8:ffff::/48"]);
  for (const { ip } of status.loadBalancer.ingress ?? []) {
    await eventually(async () => {
      const [answer] = await ask(sandbox.client.exec, "http", ip, 80);
      expect(answer?.error).toBeDefined();
    });
    for (const node of [0, 1]) expect(await probed(node, ip, 10_256)).toBe(true);
    await arrivesAt(ip, "node1", "node2");
  }
  await allow(["0.0.0.0/0", "::/0"]);
  for (const { ip } of status.loadBalancer.ingress ?? [])
    expect((await answered(sandbox.client.exec, "http", ip, 80)).pod).toMatch(/^web-/);
});

it("keeps the nodes' routes over a restart of an agent, and leaves them to a guest agent that makes them", async () => {
  const [node] = sandbox.nodes;
  const { status } = await serviceView(sandbox, "web");
  const vips = (status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
  await node!.agent.stop();
  for (const vip of vips) expect(await routesTo(node!.exec, vip)).toEqual(["107"]);
  await node!.agent.start();
  const routes = vips.map((vip) => `${vip}/${vip.includes(":") ? 128 : 32} dev eth0 table local proto 66`);
  await ipBatch(
    node!.exec,
    routes.map((route) => `route append local ${route}`),
    limit(),
  );
  for (const vip of vips) await eventually(async () => expect(await routesTo(node!.exec, vip)).toEqual(["66"]));
  for (const vip of vips) {
    await arrivesAt(vip, "node1", "node2");
    expect((await answered(sandbox.client.exec, "http", vip, 80)).pod).toMatch(/^web-/);
  }
  await ipBatch(
    node!.exec,
    routes.map((route) => `route del local ${route}`),
    limit(),
  );
  for (const vip of vips) await eventually(async () => expect(await routesTo(node!.exec, vip)).toEqual(["107"]));
});

it("of policy Local the client's own address arrives, where its pod is", async () => {
  const local = { ...service, externalTrafficPolicy: "Local" };
  await applyEcho(sandbox, { name: "local", replicas: 1, service: local, node: "node2" });
  const { status } = await withAddresses(sandbox, "local", 2);
  const port = await sandbox.kubectl(["get", "service", "local", "-o", "jsonpath={.spec.healthCheckNodePort}"]);
  const healthCheckNodePort = Number(port);
  for (const { ip } of status.loadBalancer.ingress ?? []) {
    await arrivesAt(ip, "node2");
    const answer = await answered(sandbox.client.exec, "http", ip, 80);
    expect(answer.node).toBe("node2");
    expect(sandbox.client.addresses).toContain(answer.client);
    expect([await probed(0, ip, healthCheckNodePort), await probed(1, ip, healthCheckNodePort)]).toEqual([false, true]);
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
