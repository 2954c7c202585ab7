import { afterAll, beforeAll, expect, it } from "vitest";
import { type AwsCluster, startAwsCluster } from "../../sandbox/aws/fabric/cluster.ts";
import type { Path } from "../../sandbox/aws/fabric/paths.ts";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";
import { answered, applyEcho, ask, eventually, patienceMs, type ServiceView, serviceView } from "./cluster.ts";

const service = { loadBalancerClass: "berth.dev/aws-nlb", ipFamilyPolicy: "SingleStack" };
const instances = { node1: "i-00000001", node2: "i-00000002" };

let cluster: AwsCluster;
let sandbox: Sandbox;

beforeAll(async () => {
  cluster = await startAwsCluster({
    environment: process.env,
    logger: createLogger({ level: "error", format: "text" }),
    signal: new AbortController().signal,
    nodes: 2,
  });
  ({ sandbox } = cluster);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** The name of its load balancer, once the Service has it. */
async function hostnameOf(name: string): Promise<string> {
  return await eventually(async () => {
    const { status } = await serviceView(sandbox, name);
    const [{ hostname = "" } = {}] = status.loadBalancer.ingress ?? [];
    expect(hostname).toMatch(/\.elb\.eu-west-1\.amazonaws\.com$/);
    return hostname;
  });
}

/** What the load balancer does with each port, once it sends to these instances alone. */
async function sendsTo(hostname: string, ...ids: readonly string[]): Promise<readonly Path[]> {
  return await eventually(async () => {
    const all = await cluster.fabric.follow(AbortSignal.timeout(patienceMs));
    const paths = all.filter((path) => path.hostname === hostname);
    const reached = new Set(paths.flatMap(({ targets }) => targets.map(({ instance }) => instance)));
    expect([...reached].sort()).toEqual(ids);
    return paths;
  });
}

/** Once the controller says so. */
async function isReady(name: string): Promise<void> {
  await eventually(async () => {
    const { status } = await serviceView(sandbox, name);
    expect(status.conditions?.find(({ type }) => type === "berth.dev/Ready")).toMatchObject({ status: "True" });
  });
}

/** Those of the stand-in that a Service has. */
function ownedBy({ metadata: { uid } }: ServiceView): readonly unknown[] {
  const { loadBalancers, listeners, targetGroups, groups } = cluster.aws.state;
  const all = [loadBalancers, listeners, targetGroups, groups].flatMap((some) => [...some.values()]);
  return all.filter(({ tags }) => tags.get("berth.dev/service-uid") === uid);
}

it("answers from outside at the load balancer's name, by node ports of the nodes whose probes AWS hears", async () => {
  await applyEcho(sandbox, { name: "web", replicas: 2, service });
  const hostname = await hostnameOf("web");
  const { spec } = await serviceView(sandbox, "web");
  const paths = await sendsTo(hostname, instances.node1, instances.node2);
  const expected = [
    { protocol: "tcp", port: 80, nodePort: spec.ports[0]?.nodePort },
    { protocol: "udp", port: 5353, nodePort: spec.ports[1]?.nodePort },
  ];
  for (const { protocol, port, nodePort } of expected)
    for (const [zone, instance] of [
      ["eu-west-1a", instances.node1],
      ["eu-west-1b", instances.node2],
    ] as const)
      expect(paths).toContainEqual({
        hostname,
        zone,
        protocol,
        port,
        sources: ["0.0.0.0/0"],
        targets: [{ instance, port: nodePort }],
      });
  const addresses = await cluster.fabric.resolve(hostname);
  expect(addresses).toHaveLength(2);
  for (const address of addresses)
    for (const [protocol, port] of [
      ["http", 80],
      ["udp", 5353],
    ] as const)
      expect((await answered(sandbox.client.exec, protocol, address, port)).pod).toMatch(/^web-/);
  await isReady("web");
});

it("of policy Local the client's own address arrives, where its pod is, as the health-check node port tells AWS", async () => {
  const local = { ...service, externalTrafficPolicy: "Local" };
  await applyEcho(sandbox, { name: "local", replicas: 1, service: local, node: "node2" });
  const hostname = await hostnameOf("local");
  await sendsTo(hostname, instances.node2);
  const [address = "", ...more] = await cluster.fabric.resolve(hostname);
  expect(more).toEqual([]);
  const answer = await answered(sandbox.client.exec, "http", address, 80);
  expect(answer.node).toBe("node2");
  expect(sandbox.client.addresses).toContain(answer.client);
});

it("sends nothing more to a node whose agent ends, until it is back", async () => {
  const hostname = await hostnameOf("web");
  const [first] = sandbox.nodes;
  await first?.agent.stop();
  await sendsTo(hostname, instances.node2);
  const [address = "", ...more] = await cluster.fabric.resolve(hostname);
  expect(more).toEqual([]);
  expect((await answered(sandbox.client.exec, "http", address, 80)).pod).toMatch(/^web-/);
  await first?.agent.start();
  await sendsTo(hostname, instances.node1, instances.node2);
});

it("lets in only who may, by the load balancer's security group", async () => {
  const patch = (ranges: readonly string[]): string => JSON.stringify({ spec: { loadBalancerSourceRanges: ranges } });
  const hostname = await hostnameOf("web");
  const [address = ""] = await cluster.fabric.resolve(hostname);
  await sandbox.kubectl(["patch", "service", "web", "--type=merge", "-p", patch(["203.0.113.0/24"])]);
  await eventually(async () => {
    const paths = await sendsTo(hostname, instances.node1, instances.node2);
    expect(new Set(paths.flatMap(({ sources }) => sources))).toEqual(new Set(["203.0.113.0/24"]));
  });
  expect(await ask(sandbox.client.exec, "http", address, 80)).toEqual([
    expect.objectContaining({ error: expect.any(String) as string }),
  ]);
});

it("takes everything away with the Services, but for what the next one needs of the cluster's", async () => {
  const services = await Promise.all(["web", "local"].map((name) => serviceView(sandbox, name)));
  expect(services.flatMap((one) => ownedBy(one)).length).toBeGreaterThan(0);
  await sandbox.kubectl(["delete", "deployment,service", "web", "local"]);
  expect(services.flatMap((one) => ownedBy(one))).toEqual([]);
  const { loadBalancers, listeners, targetGroups, groups } = cluster.aws.state;
  expect([loadBalancers.size, listeners.size, targetGroups.size]).toEqual([0, 0, 0]);
  expect([...groups.values()].map(({ name }) => name.replace(/-[0-9a-f]+$/, "")).sort()).toEqual([
    "berth-nodes",
    "nodes",
  ]);
});
