import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiServer, startApiServer } from "../../sandbox/apiserver/index.ts";
import { services } from "../api/index.ts";
import { errorMessage } from "../base/index.ts";
import { KubeClient, staticConnection } from "../kube/index.ts";
import { parseCidr } from "../net/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import { newCommand } from "./command.ts";
import { define } from "./controller.ts";

const { signal } = new AbortController();
let folder: string;
let server: ApiServer;

/** Who asks: `admin`, or one who may do nothing. */
type User = "admin" | "nobody";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-orphans-"));
  server = await startApiServer({
    listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
    serviceCidrs: [parseCidr("10.96.0.0/16")!],
    nodePorts: { first: 30_000, last: 32_767 },
  });
  const connection = staticConnection(server.urls[0]!, { headers: { authorization: `Bearer ${server.token}` } });
  await using client = new KubeClient({ connection, metrics: createMetrics() });
  const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/proxy", ports: [{ port: 80 }] };
  const metadata = { namespace: "default", name: "web" };
  const { metadata: made } = await client.create(services, { metadata, spec }, signal);
  const account = { metadata: { name: "nobody" } };
  const path = "/api/v1/namespaces/default/serviceaccounts";
  await client.request({ method: "POST", path, body: account, signal });
  const answer = await client.request({ method: "POST", path: `${path}/nobody/token`, body: {}, signal });
  await writeFile(join(folder, "admin"), kubeconfig(server.token));
  await writeFile(join(folder, "nobody"), kubeconfig((answer as { status: { token: string } }).status.token));
  await keep(made.uid ?? "", "web");
  await keep("uid-gone", "gone");
  await keep("uid-kept", "kept", { retained: true });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function kubeconfig(token: string): string {
  return JSON.stringify({
    clusters: [{ name: "c", cluster: { server: server.urls[0] } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    users: [{ name: "u", user: { token } }],
    "current-context": "c",
  });
}

/** What a balancer of the proxy provider leaves behind. */
async function keep(uid: string, name: string, more: object = {}): Promise<void> {
  const directory = join(folder, "state", "cluster-1", uid);
  await mkdir(directory, { recursive: true });
  const owner = { clusterId: "cluster-1", uid, namespace: "default", name, ...more };
  await writeFile(join(directory, "owner.json"), JSON.stringify(owner));
}

/** What it prints, and what it ends with. */
async function run(user: User, ...flags: readonly string[]): Promise<{ out: string; end: string }> {
  let out = "";
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out += chunk.toString();
      done();
    },
  });
  const command = newCommand("berth controller").configureOutput({ writeErr() {} });
  const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  define(command, { argv: [], environment, signal, stdout, stderr: stdout });
  // The loopback interface is no bridge, but nothing is made on it here.
  const where = ["--proxy-bridge", "lo", "--proxy-network", "127.0.0.0/8", "--state-dir", join(folder, "state")];
  const who = ["--kubeconfig", join(folder, user), "--providers", "proxy"];
  try {
    await command.parseAsync(["orphans", ...who, ...where, ...flags], { from: "user" });
    return { out, end: "" };
  } catch (error) {
    return { out, end: `${(error as Error).name} ${errorMessage(error)}` };
  }
}

it("lists for people what no Service wants, and leaves everything as it is", async () => {
  const before = await readdir(folder, { recursive: true });
  const { out, end } = await run("admin", "--cluster-id", "cluster-1");
  expect(end).toBe("");
  expect(out.replaceAll(folder, "").replace(/ +/g, " ")).toBe(
    [
      "PROVIDER SERVICE UID STATE ADDRESSES REFERENCES WHY",
      "proxy default/gone uid-gone orphan - /state/cluster-1/uid-gone there is no such Service",
      "proxy default/kept uid-kept retained - /state/cluster-1/uid-kept it is tagged to stay",
      "",
    ].join("\n"),
  );
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});

it("lists for programs", async () => {
  const { out } = await run("admin", "--cluster-id", "cluster-1", "-o", "json");
  expect(JSON.parse(out)).toMatchObject({
    clusterId: "cluster-1",
    orphans: [
      { provider: "proxy", namespace: "default", service: "gone", uid: "uid-gone", retained: false },
      { service: "kept", retained: true },
    ],
  });
});

it("knows its cluster by itself", async () => {
  const { out } = await run("admin");
  expect(out).toMatch(/^No load balancer of cluster [0-9a-f-]{36} is without a Service that wants it\.\n$/);
});

it("says which right is missing", async () => {
  expect((await run("nobody")).end).toMatch(
    /^FailureError .*forbidden.*; grant \{apiGroups: \[""\], resources: \[namespaces\], verbs: \[get\]\} by a ClusterRole, or give --cluster-id$/,
  );
  expect((await run("nobody", "--cluster-id", "cluster-1")).end).toMatch(
    /^FailureError .*forbidden.*; grant \{apiGroups: \[""\], resources: \[services\], verbs: \[list\]\} by a ClusterRole$/,
  );
});

it("takes no flag that is nobody's", async () => {
  expect((await run("admin", "--proxy-nonsense", "1")).end).toMatch(/unknown option '--proxy-nonsense'/);
});
