import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { applyEcho, ask, eventually, podViews, serviceView, startCluster } from "./cluster.ts";

const label = "node.kubernetes.io/exclude-from-external-load-balancers";
const service = { loadBalancerClass: "berth.dev/node", allocateLoadBalancerNodePorts: false };
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startCluster({ nodes: 2 });
});
afterAll(() => sandbox?.[Symbol.asyncDispose]());

function addressesOf(node: string): readonly string[] {
  return sandbox.nodes.find(({ name }) => name === node)?.addresses ?? [];
}

/** Waits until the Service is on exactly these nodes, with each family. */
async function isOn(name: string, ...nodes: readonly string[]): Promise<void> {
  const wanted = nodes.flatMap(addressesOf).toSorted();
  await eventually(async () => {
    const { status } = await serviceView(sandbox, name);
    expect((status.loadBalancer.ingress ?? []).map(({ ip }) => ip).toSorted()).toEqual(wanted);
  });
}

/** Waits until a client outside is answered by a pod of the Deployment, or by nobody, at all addresses of the node. */
async function isAnswered(node: string, app: string | undefined): Promise<void> {
  for (const address of addressesOf(node))
    await eventually(async () => {
      const [answer] = await ask(sandbox.client.exec, "http", address, 80);
      expect(answer?.pod?.replace(/-[^-]+-[^-]+$/, "")).toBe(app);
    });
}

async function condition(name: string, type: string): Promise<string> {
  const { status } = await serviceView(sandbox, name);
  const found = status.conditions?.find((one) => one.type === type);
  return `${found?.status} ${found?.reason}: ${found?.message}`;
}

it("answers from outside on the nodes' addresses, and not on a node that a label excludes", async () => {
  await applyEcho(sandbox, { name: "web", replicas: 2, service });
  await isOn("web", "node1", "node2");
  await isAnswered("node1", "web");
  await isAnswered("node2", "web");
  await sandbox.kubectl(["label", "node", "node1", `${label}=`]);
  await isOn("web", "node2");
  await isAnswered("node1", undefined);
  await isAnswered("node2", "web");
  await sandbox.kubectl(["label", "node", "node1", `${label}-`]);
  await isOn("web", "node1", "node2");
  await sandbox.kubectl(["delete", "deployment,service", "web"]);
  await isAnswered("node2", undefined);
});

it("with policy Local it is where its pod is, and moves with it", async () => {
  const local = { ...service, externalTrafficPolicy: "Local" };
  await applyEcho(sandbox, { name: "local", replicas: 1, service: local, node: "node1" });
  await isOn("local", "node1");
  await isAnswered("node1", "local");
  await applyEcho(sandbox, { name: "local", replicas: 1, service: local, node: "node2" });
  await eventually(async () => expect((await podViews(sandbox, "local")).map(({ node }) => node)).toEqual(["node2"]));
  await isOn("local", "node2");
  await isAnswered("node2", "local");
  await isAnswered("node1", undefined);
  await sandbox.kubectl(["delete", "deployment,service", "local"]);
});

it("of two that want one port the second explains, and takes over when the first goes", async () => {
  await applyEcho(sandbox, { name: "first", replicas: 1, service });
  await isOn("first", "node1", "node2");
  // Which of two is the older is told in whole seconds.
  await eventually(async () => {
    const { metadata } = JSON.parse(await sandbox.kubectl(["get", "service", "first", "-o", "json"])) as {
      metadata: { creationTimestamp: string };
    };
    expect(Date.now()).toBeGreaterThan(Date.parse(metadata.creationTimestamp) + 1000);
  });
  await applyEcho(sandbox, { name: "second", replicas: 1, service });
  await eventually(async () =>
    expect(await condition("second", "berth.dev/Programmed")).toBe(
      "False PortConflict: TCP port 80, UDP port 5353 of node1, node2 belongs to Service first; the older Service has it",
    ),
  );
  await isAnswered("node1", "first");
  await sandbox.kubectl(["delete", "service", "first"]);
  await isOn("second", "node1", "node2");
  await isAnswered("node1", "second");
  expect(await condition("second", "berth.dev/Programmed")).toMatch(/^True Programmed/);
  await sandbox.kubectl(["delete", "deployment", "first"]);
});
