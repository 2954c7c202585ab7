import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Command } from "commander";
import { afterEach, beforeEach, expect, it } from "vitest";
import { errorMessage } from "../base/index.ts";
import { serveEndpoints } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { define } from "./controller.ts";

let folder: string;
let kubeconfig: string;

/** Nothing listens on port 1. */
const unreachable = `
apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "http://127.0.0.1:1" } }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
users: [{ name: u, user: {} }]
current-context: x
`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-controller-"));
  kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, unreachable);
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function run(args: readonly string[], signal: AbortSignal, log: PassThrough): Promise<void> {
  const process: Process = { argv: [], environment: {}, signal, stdout: log, stderr: log };
  const command = new Command("berth controller").exitOverride().configureOutput({ writeErr: () => {} });
  define(command, process);
  await command.parseAsync([...args], { from: "user" });
}

async function refusal(args: readonly string[]): Promise<string> {
  try {
    await run(args, new AbortController().signal, new PassThrough());
  } catch (error) {
    return `${(error as Error).name} ${errorMessage(error)}`;
  }
  return "it ran";
}

const proxy = ["--providers", "proxy"];

it.each<[string, string[], string]>([
  ["no provider", [], "UsageError --providers: missing; give one of aws-nlb, gcp-l4, node, proxy"],
  [
    "unknown provider",
    ["--providers", "proxy,x"],
    'UsageError --providers: "x" is unknown; give one of aws-nlb, gcp-l4, node, proxy',
  ],
  [
    "the flag of before",
    ["--provider", "proxy"],
    "UsageError --provider: there is --providers NAMES instead; give --providers proxy",
  ],
  [
    "flag of no provider",
    [...proxy, "--proxy-nonsense", "1"],
    "CommanderError error: unknown option '--proxy-nonsense'",
  ],
  ["argument", [...proxy, "web"], "CommanderError error: too many arguments. Expected 0 arguments but got 1: web."],
  ["boolean", [...proxy, "--own-unclassed=maybe"], 'UsageError --own-unclassed: "maybe" is neither true nor false'],
  [
    "pool",
    [...proxy, "--address-pool", "10.0.0.1-10.0.0.9"],
    'UsageError --address-pool: "10.0.0.1-10.0.0.9" is no prefix; give ADDRESS/BITS, such as 10.96.0.0/16',
  ],
  [
    "pools that overlap",
    [...proxy, "--address-pool", "10.0.0.0/24", "--address-pool", "10.0.0.128/25"],
    "UsageError --address-pool: 10.0.0.0/24 and 10.0.0.128/25 overlap; give each address once",
  ],
  [
    "reserved ports",
    [...proxy, "--reserved-ports", "22,x"],
    'UsageError --reserved-ports: "22,x" is no list of port ranges; give such as 22,30000-32767, or nothing for none',
  ],
  [
    "class without a domain",
    [...proxy, "--load-balancer-class", "web"],
    'UsageError --load-balancer-class: "web" is no class; give DOMAIN/NAME',
  ],
  [
    "class of a provider that does not run",
    [...proxy, "--load-balancer-class", "l2=a/b"],
    'UsageError --load-balancer-class: "l2=a/b" names none of --providers; give PROVIDER=CLASS',
  ],
  [
    "count",
    [...proxy, "--concurrent-service-syncs", "0"],
    'UsageError --concurrent-service-syncs: "0" is no count; give a number from 1 to 9999',
  ],
  [
    "duration",
    [...proxy, "--drift-resync-period", "10"],
    'UsageError --drift-resync-period: "10" is no duration; give one such as 100ms, 1s or 1m30s',
  ],
  [
    "a period of nothing",
    [...proxy, "--drift-resync-period", "0s"],
    "UsageError --drift-resync-period: must be greater than 0; give one such as 100ms, 1s or 1m30s",
  ],
  ["empty text", [...proxy, "--cluster-id", ""], "UsageError --cluster-id: empty; give a text, or leave it out"],
  ["empty provider", ["--providers", "proxy,"], 'UsageError --providers: "proxy," has an empty part; remove it'],
  [
    "word",
    [...proxy, "--node-ports", "always"],
    "CommanderError error: option '--node-ports <policy>' argument 'always' is invalid. Allowed choices are Require, Ensure, Never.",
  ],
  [
    "no such file",
    ["--config", "/nowhere/controller.yaml"],
    "UsageError --config /nowhere/controller.yaml: ENOENT: no such file or directory, open '/nowhere/controller.yaml'; give the path of a readable file",
  ],
  [
    "node port range",
    [...proxy, "--node-port-range=30000-29999"],
    'UsageError --node-port-range: "30000-29999" is no port range; give FIRST-LAST, such as 30000-32767',
  ],
  [
    "lease times",
    [...proxy, "--leader-elect-lease-duration", "5s"],
    "UsageError --leader-elect-lease-duration: 5s with --leader-elect-renew-deadline 10s; give more than 10s, or lower the other",
  ],
  [
    "retry period",
    [...proxy, "--leader-elect-retry-period", "9s"],
    "UsageError --leader-elect-renew-deadline: 10s with --leader-elect-retry-period 9s; give more than 10.8s, or lower the other",
  ],
  [
    "no kubeconfig and no pod",
    proxy,
    "UsageError KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a pod; give --kubeconfig FILE",
  ],
])("one clear message: %s", async (_, args, expected) => {
  expect(await refusal(args)).toBe(expected);
});

it("follows the file, and tells its mistakes as those of flags", async () => {
  const path = join(folder, "controller.yaml");
  const head = "apiVersion: controller.berth.dev/v1alpha1\nkind: ControllerConfiguration\n";
  await writeFile(path, `${head}providers: [x]\n`);
  expect(await refusal(["--config", path])).toBe(
    `UsageError --config ${path}: providers: "x" is unknown; give one of aws-nlb, gcp-l4, node, proxy`,
  );
  await writeFile(path, `${head}providers: [proxy]\nproxyBrigde: br0\n`);
  expect(await refusal(["--config", path])).toBe(
    `UsageError --config ${path}: proxyBrigde: no such field; give proxyBridge, or remove it`,
  );
  await writeFile(path, `${head}providers: [proxy]\nkubeconfig: ${folder}/none\n`);
  expect(await refusal(["--config", path, "--metrics-bind-address", "127.0.0.1:0"])).toContain(`${folder}/none`);
});

it("says which port is taken", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const text = await refusal([...proxy, "--kubeconfig", kubeconfig, "--metrics-bind-address", `127.0.0.1:${port}`]);
  expect(text).toContain(`FailureError --metrics-bind-address: cannot listen on 127.0.0.1:${port}: `);
  expect(text).toContain("EADDRINUSE");
  server.close();
});

it("says that what answers is no API server", async () => {
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  await writeFile(kubeconfig, unreachable.replace("127.0.0.1:1", `127.0.0.1:${endpoint.port}`));
  const bind = "127.0.0.1:0";
  const addresses = ["--metrics-bind-address", bind, "--health-bind-address", bind];
  expect(await refusal([...proxy, "--kubeconfig", kubeconfig, ...addresses, "--api-server-timeout", "1ms"])).toBe(
    `FailureError http://127.0.0.1:${endpoint.port} is no Kubernetes API server: it answers 404 to /version; check the server's address`,
  );
});

it("says which API server does not answer, and gives up in the end", async () => {
  const bind = "127.0.0.1:0";
  const addresses = ["--metrics-bind-address", bind, "--health-bind-address", bind];
  const text = await refusal([...proxy, "--kubeconfig", kubeconfig, ...addresses, "--api-server-timeout", "1ms"]);
  expect(text).toBe(
    "FailureError cannot reach the API server http://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; check that it runs and listens on that port",
  );
});
