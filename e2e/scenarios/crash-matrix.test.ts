// The real controller with provider `proxy`, killed with SIGKILL after each step that shows outside: a program that
// changes something, or a write that the API server has answered. Its successor must reach the same end.
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { balancerNamespaces } from "../../providers/proxy/index.ts";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { execOk, listNetns, systemExec } from "../../src/kernel/index.ts";
import { eventually, patienceMs, serviceView, startCluster } from "./cluster.ts";

const never = 1_000_000;
let directory: string;
let sandbox: Sandbox;
let server: Server;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "berth-e2e-"));
  for (const program of ["ip", "nsenter"]) wrap(program);
  arm(never);
  sandbox = await startCluster({
    nodes: 1,
    components: { agents: false, controller: false },
    controllerPath: join(directory, "bin"),
    // A successor need not wait for the Lease of the one that was killed.
    controllerArgs: [`--kubeconfig=${join(directory, "kubeconfig")}`, "--leader-elect=false"],
  });
  server = await serveApi();
  await sandbox.controller.start();
});
afterAll(async () => {
  await sandbox?.[Symbol.asyncDispose]();
  server?.closeAllConnections();
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

it("create, update, replace and delete, killed after every step, end alike", { timeout: 400_000 }, async () => {
  const cells = { create: 0, update: 0, replace: 0, delete: 0 };
  const open = new Set(["create", "delete"]);
  for (let limit = 1; open.size > 0; limit++) {
    if (await cell(limit, create, { ports: [80] })) cells.create++;
    else open.delete("create");
    const namespaces = await balancerNamespaces(balancers());
    if (await cell(limit, () => sandbox.kubectl(["delete", "service", "web", "--wait=false"]), undefined))
      cells.delete++;
    else open.delete("delete");
    const left = await listNetns(systemExec(process.env), { signal: AbortSignal.timeout(patienceMs) });
    expect(left.filter((name) => namespaces.includes(name))).toEqual([]);
  }
  await cell(never, create, { ports: [80] });
  for (let limit = 1; ; limit++) {
    const ports = limit % 2 === 0 ? [80] : [80, 81];
    if (!(await cell(limit, () => patch({ spec: { ports: ports.map(portOf) } }), { ports }))) break;
    cells.update++;
  }
  await cell(never, () => patch({ spec: { ports: [portOf(80)] } }), { ports: [80] });
  const first = (await serviceView(sandbox, "web")).status.loadBalancer.ingress?.[0]?.ip ?? "";
  const other = first.replace(/\d+$/, (last) => `${Number(last) + 5}`);
  for (let limit = 1; ; limit++) {
    const address = limit % 2 === 0 ? first : other;
    const annotations = { "berth.dev/load-balancer-ips": address, "berth.dev/allow-replace": "true" };
    if (!(await cell(limit, () => patch({ metadata: { annotations } }), { ports: [80], address }))) break;
    cells.replace++;
  }
  process.stdout.write(`crash matrix: ${JSON.stringify(cells)}\n`);
  for (const [verb, count] of Object.entries(cells)) expect(count, verb).toBeGreaterThan(0);
});

interface End {
  readonly ports: readonly number[];
  readonly address?: string;
}

/** Does something to the Service and kills the controller after so many steps; false when it got to the end before. */
async function cell(limit: number, act: () => Promise<unknown>, end: End | undefined): Promise<boolean> {
  arm(limit);
  await act();
  await eventually(async () => {
    if (sandbox.controller.pid !== undefined) await expectEnd(end);
  });
  arm(never);
  const killed = sandbox.controller.pid === undefined;
  if (killed) await sandbox.controller.start();
  await eventually(() => expectEnd(end));
  return killed;
}

/** Nothing leaked, nothing doubled: what there is outside is what the one Service needs, or nothing. */
async function expectEnd(end: End | undefined): Promise<void> {
  const count = end === undefined ? 0 : 1;
  const { items } = JSON.parse(await sandbox.kubectl(["get", "services", "-o", "json"])) as {
    items: { metadata: { name: string } }[];
  };
  expect(items.filter(({ metadata }) => metadata.name === "web").length).toBe(count);
  if (end !== undefined) await expectService(end);
  expect((await plugs()).length).toBe(count);
  expect((await balancerNamespaces(balancers())).length).toBe(count);
  expect(processes()).toBe(count);
}

async function expectService({ ports, address }: End): Promise<void> {
  const { metadata, status } = await serviceView(sandbox, "web");
  const ingress = status.loadBalancer.ingress as { ip: string; ports: { port: number }[] }[] | undefined;
  expect(ingress?.map((entry) => entry.ports.map(({ port }) => port))).toEqual([ports]);
  if (address !== undefined) expect(ingress?.[0]?.ip).toBe(address);
  expect(metadata.finalizers?.length).toBe(new Set(metadata.finalizers).size);
  expect(metadata.finalizers).toContain("service.kubernetes.io/load-balancer-cleanup");
  expect(status.conditions?.find(({ type }) => type === "berth.dev/Programmed")?.status).toBe("True");
  const [netns = ""] = await balancerNamespaces(balancers());
  const signal = AbortSignal.timeout(patienceMs);
  const text = await execOk(systemExec(process.env), "ip", ["-n", netns, "-o", "-4", "addr", "show", "dev", "eth0"], {
    signal,
  });
  expect([...text.matchAll(/inet ([\d.]+)/g)].map(([, ip]) => ip)).toEqual([ingress?.[0]?.ip]);
}

function create(): Promise<string> {
  const spec = { type: "LoadBalancer", ipFamilyPolicy: "SingleStack", selector: { app: "web" }, ports: [portOf(80)] };
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec };
  return sandbox.kubectl(["apply", "-f", "-"], JSON.stringify(service));
}

function patch(body: object): Promise<string> {
  return sandbox.kubectl(["patch", "service", "web", "--type=merge", "-p", JSON.stringify(body)]);
}

function portOf(port: number): object {
  return { name: `p${port}`, port, protocol: "TCP" };
}

function balancers(): string {
  return join(sandbox.runDir, "balancers");
}

/** Ports of the bridge that lead to load balancers. */
async function plugs(): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(patienceMs);
  const text = await execOk(sandbox.fabric.exec, "ip", ["-o", "link", "show"], { signal });
  return text.split("\n").filter((line) => /^\d+: blb/.test(line));
}

/** Balancer processes of this sandbox. */
function processes(): number {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(`${balancers()}/`)).length;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Begins to count; the controller is killed after so many steps. */
function arm(limit: number): void {
  writeFileSync(join(directory, "limit"), `${never}\n`);
  writeFileSync(join(directory, "steps"), "");
  writeFileSync(join(directory, "limit"), `${limit}\n`);
}

/** Puts a program into the controller's way that counts what changes something, and kills the one that called it. */
function wrap(program: string): void {
  const bin = join(directory, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, program),
    `#!/bin/sh
PATH=\${PATH#${bin}:}
step() {
  echo step >> "${directory}/steps"
  [ "$(wc -l < "${directory}/steps")" -lt "$(cat "${directory}/limit")" ] || kill -KILL $PPID
}
case " $* " in
  *" -j"* | *ersion*) exec ${program} "$@" ;;
  *" balancer "*) step; exec ${program} "$@" ;;
esac
${program} "$@"
code=$?
step
exit $code
`,
  );
  chmodSync(join(bin, program), 0o755);
}

/** Stands before the API server; kills the controller before it hears that its write was done. */
async function serveApi(): Promise<Server> {
  const proxy = createServer((incoming, outgoing) => {
    const { method, url = "", headers } = incoming;
    const socketPath = join(sandbox.runDir, "api.sock");
    // The socket is the sandbox's own; nobody else can stand behind it.
    const upstream = request({ socketPath, rejectUnauthorized: false, method, path: url, headers }, (answer) => {
      if (method !== "GET" && !/\/(?:events|leases)\b/.test(url)) stepped();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const config = parse(readFileSync(join(sandbox.runDir, "controller.kubeconfig"), "utf8")) as { clusters: object[] };
  const cluster = { server: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  config.clusters = config.clusters.map((entry) => ({ ...entry, cluster }));
  writeFileSync(join(directory, "kubeconfig"), stringify(config));
  return proxy;
}

function stepped(): void {
  appendFileSync(join(directory, "steps"), "step\n");
  const count = readFileSync(join(directory, "steps"), "utf8").split("\n").length - 1;
  if (count >= Number(readFileSync(join(directory, "limit"), "utf8"))) sandbox.controller.signal("SIGKILL");
}
