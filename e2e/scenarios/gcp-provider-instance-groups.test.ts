import { afterAll, beforeAll, expect, it } from "vitest";
import { type GceCluster, startGceCluster } from "../../sandbox/gce/fabric/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";
import { answered, applyEcho, eventually, patienceMs, withAddresses } from "./cluster.ts";

const service = { loadBalancerClass: "berth.dev/gcp-l4", allocateLoadBalancerNodePorts: false };

let cluster: GceCluster;

beforeAll(async () => {
  cluster = await startGceCluster({
    environment: process.env,
    logger: createLogger({ level: "error", format: "text" }),
    signal: new AbortController().signal,
    nodes: 2,
    controllerArgs: ["--gcp-l4-backends=instance-groups"],
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Once packets go to these nodes alone. */
async function arrivesAt(vip: string, ...nodes: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(patienceMs);
  await eventually(async () => expect((await cluster.fabric.follow(signal)).get(vip)?.toSorted()).toEqual(nodes));
}

it.each([
  ["Cluster", ["node1", "node2"]],
  ["Local", ["node2"]],
] as const)("sends to groups of whole machines, of policy %s to %j", async (externalTrafficPolicy, nodes) => {
  const name = externalTrafficPolicy.toLowerCase();
  await applyEcho(cluster.sandbox, {
    name,
    replicas: 1,
    service: { ...service, externalTrafficPolicy },
    node: "node2",
  });
  const { status } = await withAddresses(cluster.sandbox, name, 2);
  for (const { ip } of status.loadBalancer.ingress ?? []) {
    await arrivesAt(ip, ...nodes);
    expect((await answered(cluster.sandbox.client.exec, "http", ip, 80)).node).toBe("node2");
  }
  const paths = [...cluster.gce.world.resources.keys()];
  expect(paths.filter((path) => path.includes("/instanceGroups/"))).toHaveLength(2);
  expect(paths.filter((path) => path.includes("/networkEndpointGroups/"))).toEqual([]);
});
