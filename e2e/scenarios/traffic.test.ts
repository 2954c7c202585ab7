import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { netnsExec, systemExec } from "../../src/kernel/index.ts";
import {
  answered,
  applyEcho,
  ask,
  eventually,
  type PodView,
  podViews,
  type ServiceView,
  startCluster,
  withAddresses,
} from "./cluster.ts";

const replicas = 3;
const families = ["IPv4", "IPv6"] as const;
let sandbox: Sandbox;
let service: ServiceView;
let pods: readonly PodView[];

beforeAll(async () => {
  sandbox = await startCluster();
  await applyEcho(sandbox, { name: "echo", replicas });
  service = await withAddresses(sandbox, "echo", 2);
  pods = await podViews(sandbox, "echo");
});
afterAll(() => sandbox?.[Symbol.asyncDispose]());

describe.each(families)("over %s", (family) => {
  const index = families.indexOf(family);

  it.each([
    ["http", 80],
    ["udp", 5353],
  ] as const)("a client outside reaches every pod over %s", async (protocol, port) => {
    const address = externalIp(index);
    await answered(sandbox.client.exec, protocol, address, port);
    // 60 fair throws of a die with three sides miss one of them less than once in 10^10 runs.
    const answers = await ask(sandbox.client.exec, protocol, address, port, 60);
    expect(errorsOf(answers)).toEqual([]);
    expect(podsOf(answers)).toEqual(pods.map(({ name }) => name).toSorted());
  });

  it.each([
    ["http", 80],
    ["udp", 5353],
  ] as const)("a pod reaches every pod over the ClusterIP and %s, seen as itself", async (protocol, port) => {
    const [pod] = pods;
    const from = inPod(pod);
    const clusterIp = service.spec.clusterIPs[index] ?? "";
    await answered(from, protocol, clusterIp, port);
    const answers = await ask(from, protocol, clusterIp, port, 60);
    expect(errorsOf(answers)).toEqual([]);
    expect(podsOf(answers)).toEqual(pods.map(({ name }) => name).toSorted());
    const seenByOthers = answers.filter((answer) => answer.pod !== pod?.name).map(({ client }) => client);
    expect(new Set(seenByOthers)).toEqual(new Set([pod?.ips[index]]));
  });

  it("a pod reaches the external address through the load balancer, behind its node", async () => {
    const [pod] = pods;
    const answer = await answered(inPod(pod), "http", externalIp(index), 80);
    expect(pods.map(({ name }) => name)).toContain(answer.pod);
  });

  it("a pod reaches the NodePort of another node", async () => {
    const [pod] = pods;
    const other = sandbox.nodes.find(({ name }) => name !== pod?.node);
    const answer = await answered(inPod(pod), "http", other?.addresses[index] ?? "", nodePort("http"));
    expect(pods.map(({ name }) => name)).toContain(answer.pod);
  });
});

it("a pod that is the only one behind its Service reaches itself through it", async () => {
  await applyEcho(sandbox, { name: "alone", replicas: 1 });
  const alone = await withAddresses(sandbox, "alone", 2);
  const [pod] = await podViews(sandbox, "alone");
  for (const [index, clusterIp] of alone.spec.clusterIPs.entries()) {
    const answer = await answered(inPod(pod), "http", clusterIp, 80);
    expect(answer.pod).toBe(pod?.name);
    // The kernel drops a packet whose sender and receiver are one: the node stands in between.
    expect(answer.client).not.toBe(pod?.ips[index]);
  }
  await sandbox.kubectl(["delete", "deployment,service", "alone"]);
});

it("without endpoints a connection is refused at once, over every way in", async () => {
  await applyEcho(sandbox, { name: "empty", replicas: 0 });
  const { spec, status } = await withAddresses(sandbox, "empty", 2);
  const [pod] = pods;
  const [node] = sandbox.nodes;
  const port = spec.ports.find(({ name }) => name === "http")?.nodePort ?? 0;
  for (const index of families.keys()) {
    for (const protocol of ["http", "udp"] as const) {
      const servicePort = protocol === "http" ? 80 : 5353;
      const refused = [
        () => ask(sandbox.client.exec, protocol, status.loadBalancer.ingress?.[index]?.ip ?? "", servicePort),
        () => ask(inPod(pod), protocol, spec.clusterIPs[index] ?? "", servicePort),
      ];
      for (const question of refused)
        await eventually(async () => expect(await question()).toEqual([{ error: "ECONNREFUSED" }]));
    }
    const direct = await ask(sandbox.client.exec, "http", node?.addresses[index] ?? "", port);
    expect(direct).toEqual([{ error: "ECONNREFUSED" }]);
  }
});

it("is deleted without a trace: finalizer, load balancer and rules", async () => {
  await applyEcho(sandbox, { name: "leaving", replicas: 1 });
  const leaving = await withAddresses(sandbox, "leaving", 2);
  expect(leaving.metadata.finalizers).toContain("proxy.berth.dev/resources");
  const before = await balancers();
  await sandbox.kubectl(["delete", "service", "leaving", "--timeout=60s"]);
  expect((await balancers()).length).toBe(before.length - 1);
  for (const node of sandbox.nodes) {
    await eventually(async () => {
      const { stdout } = await node.exec.run("iptables-save", [], { signal: AbortSignal.timeout(10_000) });
      expect(stdout.split("\n").filter((line) => line.includes("default/leaving"))).toEqual([]);
    });
  }
  const answers = await ask(sandbox.client.exec, "http", leaving.status.loadBalancer.ingress?.[0]?.ip ?? "", 80);
  expect(answers[0]?.error).toMatch(/EHOSTUNREACH|TIMEOUT|ECONNREFUSED/);
});

function externalIp(index: number): string {
  return service.status.loadBalancer.ingress?.[index]?.ip ?? "";
}

function nodePort(name: string): number {
  return service.spec.ports.find((port) => port.name === name)?.nodePort ?? 0;
}

function inPod(pod: PodView | undefined): ReturnType<typeof netnsExec> {
  return netnsExec(systemExec(process.env), pod?.netns ?? "");
}

function podsOf(answers: readonly { pod?: string }[]): readonly string[] {
  return [...new Set(answers.flatMap(({ pod }) => pod ?? []))].toSorted();
}

function errorsOf(answers: readonly { error?: string }[]): readonly string[] {
  return answers.flatMap(({ error }) => error ?? []);
}

/** The namespaces of this sandbox's load balancers: the bridge has a port for each. */
async function balancers(): Promise<readonly unknown[]> {
  const { stdout } = await sandbox.fabric.exec.run("ip", ["-j", "link", "show", "master", "br0"], {
    signal: AbortSignal.timeout(10_000),
  });
  return JSON.parse(stdout) as unknown[];
}
