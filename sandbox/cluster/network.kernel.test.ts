import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Exec, execOk, netnsExec, systemExec } from "../../src/kernel/index.ts";
import { echoConfig, echoEntry } from "../echo/index.ts";
import { type NodePlan, planCluster, podAddresses, podNetns } from "./address-plan.ts";
import { buildNetwork, connectPod } from "./network.ts";
import { Program } from "./program.ts";
import { removeRun, runMark } from "./sweep.ts";
import { environment, hostNetwork } from "./testing.ts";

const exec = systemExec(environment);
const signal = new AbortController().signal;
const id = `${process.pid.toString(16)}ffffff`.slice(0, 6);
const plan = planCluster(id, 2, ["IPv4", "IPv6"]);
const [node1, node2] = plan.nodes as [NodePlan, NodePlan];

let dir = "";
let hostBefore = "";

/** A pod with an echo server on TCP 8080 and UDP 5353. */
async function startPod(node: NodePlan, number: number, env: { name: string; value: string }[] = []): Promise<Exec> {
  const name = `${node.name}-${number}`;
  const netns = podNetns(id, { namespace: "default", name });
  await connectPod(exec, node, { netns, cable: `veth${number}`, addresses: podAddresses(node, number) }, signal);
  const ports = [{ containerPort: 8080 }, { containerPort: 5353, protocol: "UDP" }];
  const control = join(dir, `${name}.sock`);
  const config = echoConfig({ pod: name, namespace: "default", node: node.name, control }, { ports, env });
  const program = new Program({
    name,
    command: [process.execPath, echoEntry, JSON.stringify(config)],
    environment: { ...environment, ...runMark(id) },
    logPath: join(dir, `${name}.log`),
    netns,
  });
  await program.start();
  await vi.waitFor(
    () => execOk(exec, "curl", ["-s", "--unix-socket", control, "http://x/healthz"], { signal }),
    30_000,
  );
  return netnsExec(exec, netns);
}

async function get(from: Exec, host: string, path = "/"): Promise<string> {
  const url = `http://${host.includes(":") ? `[${host}]` : host}:8080${path}`;
  return (await execOk(from, "curl", ["-sS", "--max-time", "2", url], { signal })).trim();
}

let pod1: Exec;
let pod2: Exec;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-network-"));
  hostBefore = await hostNetwork(exec, signal);
  await buildNetwork(exec, plan, signal);
  pod1 = await startPod(node1, 1);
  pod2 = await startPod(node1, 2);
  await startPod(node2, 1);
});

afterAll(async () => {
  await removeRun(exec, { id, dir }, signal);
  expect(await hostNetwork(exec, signal)).toBe(hostBefore);
});

it.each([
  ["a pod of the same node", "10.244.1.2", "node1-2", "10.244.1.1"],
  ["a pod of another node", "10.244.2.1", "node2-1", "10.244.1.1"],
  ["itself", "10.244.1.1", "node1-1", "10.244.1.1"],
  ["a pod of the same node over IPv6", "fd00:244:0:1::2", "node1-2", "fd00:244:0:1::1"],
  ["a pod of another node over IPv6", "fd00:244:0:2::1", "node2-1", "fd00:244:0:1::1"],
])("a pod reaches %s with its own address", async (_, to, hostname, client) => {
  expect(await get(pod1, to, "/hostname")).toBe(hostname);
  expect(await get(pod1, to, "/clientip")).toBe(client);
});

it.each([
  ["IPv4", "10.244.1.1", "10.244.2.1", "172.30.0.11"],
  ["IPv6", "fd00:244:0:1::1", "fd00:244:0:2::1", "fd00:30::11"],
])("a node reaches its own and other pods with its address on the underlay over %s", async (_, own, other, address) => {
  const node = netnsExec(exec, node1.netns);
  expect(await get(node, own, "/clientip")).toBe(address);
  expect(await get(node, other, "/clientip")).toBe(address);
});

it.each([
  ["iptables", "10.244.1.1", "10.244.1.2", "172.30.0.11"],
  ["ip6tables", "fd00:244:0:1::1", "fd00:244:0:1::2", "fd00:30::11"],
])(
  "what a node masquerades with %s to a pod of its own has its address on the underlay",
  async (tool, from, to, address) => {
    const node = netnsExec(exec, node1.netns);
    const rule = ["POSTROUTING", "-t", "nat", "-s", from, "-d", to, "-j", "MASQUERADE"];
    await execOk(node, tool, ["-A", ...rule], { signal });
    expect(await get(pod1, to, "/clientip")).toBe(address);
    await execOk(node, tool, ["-D", ...rule], { signal });
  },
);

it("the client outside has no way to pods and Services", async () => {
  const client = netnsExec(exec, plan.client.netns);
  for (const to of ["10.244.1.1", "fd00:244:0:1::1", "10.96.0.1", "fd00:96::1"])
    expect((await client.run("ip", ["route", "get", to], { signal })).code).toBe(2);
});

it("traffic between two pods of a node passes the node's netfilter", async () => {
  const node = netnsExec(exec, node1.netns);
  const rule = ["FORWARD", "-s", "10.244.1.1", "-d", "10.244.1.2", "-p", "tcp", "-j", "REJECT"];
  await execOk(node, "iptables", ["-I", ...rule], { signal });
  await expect(get(pod1, "10.244.1.2")).rejects.toThrow("exit code 7");
  await execOk(node, "iptables", ["-D", ...rule], { signal });
  expect(await get(pod1, "10.244.1.2", "/hostname")).toBe("node1-2");
});

it("leaves the host's links, routes and rules alone", async () => {
  expect(await hostNetwork(exec, signal)).toBe(hostBefore);
});

it("answers lines over TCP and datagrams over UDP", async () => {
  const script = `
    const tcp = net.connect(8080, "10.244.1.1", () => tcp.end("hello\\nyou"));
    tcp.pipe(process.stdout, { end: false });
    tcp.on("end", () => {
      const udp = dgram.createSocket("udp4", (data) => { process.stdout.write(data); udp.close(); });
      udp.send("hi", 5353, "10.244.1.1");
    });`;
  const text = await execOk(pod2, process.execPath, ["-e", script], { signal, timeoutMs: 30_000 });
  const seen = { pod: "node1-1", node: "node1", client: "10.244.1.2", clientPort: expect.any(Number) };
  expect(
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { ...seen, said: "hello" },
    { ...seen, said: "you" },
    { ...seen, said: "hi" },
  ]);
});

it("takes connections and answers nothing when told to be silent", async () => {
  await startPod(node2, 2, [{ name: "ECHO_SILENT", value: "true" }]);
  await expect(get(pod1, "10.244.2.2")).rejects.toThrow(/timed out/);
  const health = ["-s", "--unix-socket", join(dir, "node2-2.sock"), "http://x/healthz"];
  expect((await exec.run("curl", health, { signal })).stdout).toBe("ok\n");
});

it("reports ready and not ready as told", async () => {
  const pod = netnsExec(exec, podNetns(id, { namespace: "default", name: "node2-1" }));
  const health = [
    "-s",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "--unix-socket",
    join(dir, "node2-1.sock"),
    "http://x/healthz",
  ];
  await get(pod, "10.244.2.1", "/unready");
  expect((await exec.run("curl", health, { signal })).stdout).toBe("503");
  await get(pod, "10.244.2.1", "/ready");
  expect((await exec.run("curl", health, { signal })).stdout).toBe("200");
});
