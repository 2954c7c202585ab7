import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it, vi } from "vitest";
import { balancerNamespaces } from "../../providers/proxy/index.ts";
import { execOk, listNetns, netnsExec, systemExec } from "../../src/kernel/index.ts";
import { nullLogger } from "../../src/telemetry/index.ts";
import { registryRoot } from "./registry.ts";
import { kubectlProgram, type Sandbox, type SandboxOptions, startSandbox } from "./sandbox.ts";
import { processesOf, sweep } from "./sweep.ts";
import { environment, hostNetwork, namespacesOf } from "./testing.ts";

const exec = systemExec(environment);
const { signal } = new AbortController();
const berth = new URL("../../bin/berth", import.meta.url).pathname;
const controlPlane = { agents: false, controller: false };

function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  return startSandbox({ environment, logger: nullLogger, signal, nodes: 2, components: controlPlane, ...options });
}

/** The ids of the runs that this process owns. */
async function runsOf(pid: number | undefined): Promise<string[]> {
  const ids = await readdir(registryRoot);
  const owners = await Promise.all(ids.map((id) => readFile(join(registryRoot, id, "owner"), "utf8").catch(() => "")));
  return ids.filter((_, i) => owners[i]?.startsWith(`${pid} `));
}

async function leftOf(id: string): Promise<unknown[]> {
  const records = (await readdir(registryRoot).catch(() => [])).filter((name) => name === id);
  return [...(await namespacesOf(exec, id, signal)), ...(await processesOf(id)), ...records];
}

interface Cli extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Waits for a line of its output. */
  line(text: string): Promise<string>;
  /** Sends the signal and returns the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** `berth sandbox up` as a user starts it. */
function startCli(): Cli {
  const child = spawn(berth, ["sandbox", "up", "--nodes=1"], { stdio: ["ignore", "pipe", "ignore"] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const exit = once(child, "exit") as Promise<[number | null]>;
  async function end(name: NodeJS.Signals): Promise<number | null> {
    child.kill(name);
    return (await exit)[0];
  }
  return {
    child,
    line: (text) => vi.waitUntil(() => lines.find((line) => line.includes(text)), { timeout: 50_000, interval: 10 }),
    end,
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
}

function deployment(replicas: number, env: object[] = []): string {
  const ports = [{ name: "http", containerPort: 8080 }];
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "echo" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "echo" } },
      template: {
        metadata: { labels: { app: "echo" } },
        spec: { containers: [{ name: "echo", image: "berth.dev/echo:1", ports, env }] },
      },
    },
  });
}

it("runs Deployments as pods that answer, and leaves nothing behind", async () => {
  const before = await hostNetwork(exec, signal);
  const sandbox = await start();
  const { id, client, nodes } = sandbox;
  try {
    await sandbox.kubectl(["apply", "-f", "-"], deployment(3));
    await sandbox.kubectl(["expose", "deployment", "echo", "--port=80", "--target-port=http"]);
    await sandbox.kubectl(["rollout", "status", "deployment/echo", "--timeout=40s"]);
    const rows = await sandbox.kubectl([
      "get",
      "pods",
      "-o",
      "jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.spec.nodeName}\n{end}",
    ]);
    const pods = rows
      .trim()
      .split("\n")
      .map((row) => row.split(" ") as [string, string, string]);
    expect(new Set(pods.map(([, , node]) => node))).toEqual(new Set(["node1", "node2"]));
    for (const [name, address] of pods) {
      const { stdout } = await nodes[0]!.exec.run("curl", ["-s", `http://${address}:8080/hostname`], { signal });
      expect(stdout.trim()).toBe(name);
    }
    const slices = ["get", "endpointslices", "-l", "kubernetes.io/service-name=echo", "-o"];
    const listed = await sandbox.kubectl([...slices, "jsonpath={.items[*].endpoints[*].addresses[0]}"]);
    expect(listed.split(" ").sort()).toEqual(pods.map(([, address]) => address).sort());

    await sandbox.kubectl(["scale", "deployment/echo", "--replicas=1"]);
    await sandbox.kubectl(["wait", "--for=jsonpath={.status.replicas}=1", "deployment/echo", "--timeout=40s"]);
    await vi.waitFor(
      async () => expect((await namespacesOf(exec, id, signal)).filter((n) => n.includes("-pod-"))).toHaveLength(1),
      30_000,
    );
    expect(await hostNetwork(exec, signal)).toBe(before);
    expect(client.addresses).toEqual(["172.30.0.200", "fd00:30::200"]);
  } finally {
    await sandbox[Symbol.asyncDispose]();
  }
  expect(await leftOf(id)).toEqual([]);
  expect(await hostNetwork(exec, signal)).toBe(before);
});

it("lets a pod that ends serve until it has drained, as a terminating endpoint", async () => {
  await using sandbox = await start({ nodes: 1 });
  await sandbox.kubectl(["apply", "-f", "-"], deployment(1, [{ name: "ECHO_DRAIN_MS", value: "3000" }]));
  await sandbox.kubectl(["expose", "deployment", "echo", "--port=80", "--target-port=http"]);
  await sandbox.kubectl(["rollout", "status", "deployment/echo", "--timeout=40s"]);
  const [netns = ""] = (await namespacesOf(exec, sandbox.id, signal)).filter((name) => name.includes("-pod-"));
  await sandbox.kubectl(["scale", "deployment/echo", "--replicas=0"]);
  const conditions = "jsonpath={.items[*].endpoints[*].conditions}";
  const slices = ["get", "endpointslices", "-l", "kubernetes.io/service-name=echo", "-o", conditions];
  const ending = { ready: false, serving: true, terminating: true };
  await vi.waitFor(async () => expect(JSON.parse(await sandbox.kubectl(slices))).toEqual(ending), 30_000);
  const pod = netnsExec(exec, netns);
  expect((await pod.run("curl", ["-s", "http://10.244.1.1:8080/hostname"], { signal })).code).toBe(0);
  await vi.waitFor(async () => expect(await sandbox.kubectl(slices)).toBe(""), 30_000);
  await vi.waitFor(async () => expect(await sandbox.kubectl(["get", "pods", "-o", "name"])).toBe(""), 30_000);
});

it("says why it does not run a foreign image", async () => {
  await using sandbox = await start({ nodes: 1 });
  await sandbox.kubectl(["run", "web", "--image=nginx"]);
  const reason = ["get", "pod", "web", "-o", "jsonpath={.status.containerStatuses[0].state.waiting}"];
  await vi.waitFor(
    async () =>
      expect(JSON.parse(await sandbox.kubectl(reason))).toEqual({
        reason: "ErrImagePull",
        message: "image nginx: the sandbox runs only berth.dev/echo",
      }),
    30_000,
  );
  await sandbox.kubectl(["delete", "pod", "web", "--timeout=40s"]);
});

it("removes what a killed run has left, its load balancers too, and nothing of a run that lives", async () => {
  await using alive = await start({ nodes: 1 });
  await alive.kubectl(["create", "configmap", "witness"]);
  await using cli = startCli();
  const id = /Sandbox (\w+)/.exec(await cli.line("is up"))?.[1] ?? "";
  const [, kubeconfig = ""] = /KUBECONFIG=(\S+)/.exec(await cli.line("KUBECONFIG")) ?? [];
  const kubectl = (...args: string[]): Promise<string> =>
    execOk(exec, kubectlProgram, [`--kubeconfig=${kubeconfig}`, `--cache-dir=${kubeconfig}.cache`, ...args], {
      signal,
    });
  await kubectl("create", "service", "loadbalancer", "echo", "--tcp=80:8080");
  await kubectl("wait", "service/echo", "--for=jsonpath={.status.loadBalancer.ingress[0].ip}", "--timeout=40s");
  await cli.end("SIGKILL");
  const balancers = await balancerNamespaces(join(registryRoot, id, "balancers"));
  expect(balancers).toHaveLength(1);
  expect(await listNetns(exec, { signal })).toEqual(expect.arrayContaining([...balancers]));
  const aliveBefore = await leftOf(alive.id);

  await sweep(exec, signal);

  expect(await leftOf(id)).toEqual([]);
  expect(await listNetns(exec, { signal })).not.toEqual(expect.arrayContaining([...balancers]));
  expect(await leftOf(alive.id)).toEqual(aliveBefore);
  expect(await alive.kubectl(["get", "configmap", "witness", "-o", "name"])).toBe("configmap/witness\n");
});

it.each([
  ["network", 130],
  ["API server", 130],
  ["kubelets", 130],
  ["is up", 0],
])("ends in order when interrupted after %s", async (step, code) => {
  await using cli = startCli();
  await cli.line(step);
  const [run] = await runsOf(cli.child.pid);
  expect(await cli.end("SIGINT")).toBe(code);
  expect(await leftOf(run ?? "none")).toEqual([]);
});
