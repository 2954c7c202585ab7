import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createCredentials } from "../../sandbox/apiserver/certificates.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { addNetns, deleteNetns, ipBatch, netnsExec, netnsPath, systemExec } from "../kernel/index.ts";

// An agent in a network namespace of its own, before servers that it cannot work with.

const main = join(import.meta.dirname, "main.ts");
const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const exec = systemExec(environment);
const options = { signal: new AbortController().signal };
const netns = `bt-answers-${randomBytes(3).toString("hex")}`;
const inside = netnsExec(exec, netns);
let directory = "";
const resources = new AsyncDisposableStack();

/** Answers everything with one text: `node -e ... PORT TEXT`. */
const parrot = `const [port, text] = process.argv.slice(1);
require("node:http").createServer((_, reply) => reply.end(text)).listen(Number(port), "127.0.0.1", () => console.log("ready"));`;

async function start(...args: readonly string[]): Promise<void> {
  const child = spawn("nsenter", [`--net=${netnsPath(netns)}`, "--", process.execPath, ...args], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  resources.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (data: Buffer) => data.includes("ready") && resolve());
    child.once("exit", () => reject(new Error(`${args.join(" ")} has ended`)));
  });
}

interface User {
  readonly token?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key-data"?: string;
  readonly exec?: object;
}

async function kubeconfig(name: string, cluster: object, user: User = { token: "stranger" }): Promise<void> {
  const config = {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
  };
  await writeFile(join(directory, name), JSON.stringify(config));
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-answers-"));
  resources.defer(() => rm(directory, { recursive: true }));
  await addNetns(exec, netns, options);
  resources.defer(() => deleteNetns(exec, netns, options));
  await ipBatch(inside, ["link set lo up"], options);
  const service = ["--service-cidr", "10.96.0.0/16"];
  const listen = ["--listen", "127.0.0.1:7443", "--listen", "http://127.0.0.1:7080"];
  await Promise.all([
    start(main, "apiserver", ...service, ...listen),
    start("-e", parrot, "7081", "<html>\n<h1>Welcome</h1>"),
    start("-e", parrot, "7082", ""),
  ]);
  const https = { server: "https://127.0.0.1:7443" };
  const known = { ...https, "insecure-skip-tls-verify": true };
  // From the turn of the millennium, for ten years.
  const old = await createCredentials(["127.0.0.1"], new FakeClock(Date.UTC(2000, 0, 1)));
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const expired = {
    token: "stranger",
    "client-certificate-data": base64(old.certificate),
    "client-key-data": base64(old.key),
  };
  const plugin = { apiVersion: "client.authentication.k8s.io/v1", command: "no-such-plugin", interactiveMode: "Never" };
  await kubeconfig("no-ca", https);
  await kubeconfig("other-ca", { ...https, "certificate-authority-data": base64(old.ca) });
  await kubeconfig("wrong-token", known);
  await kubeconfig("expired", known, expired);
  await kubeconfig("plugin", known, { exec: plugin });
  await kubeconfig("page", { server: "http://127.0.0.1:7081" });
  await kubeconfig("empty", { server: "http://127.0.0.1:7082" });
  await kubeconfig("tls-to-plain", { server: "https://127.0.0.1:7080", "insecure-skip-tls-verify": true });
  await kubeconfig("plain-to-tls", { server: "http://127.0.0.1:7443" });
});

afterAll(() => resources.disposeAsync());

it.each<[string, 1 | 2, RegExp]>([
  [
    "no-ca",
    1,
    /: unable to verify .*; the CA certificate does not fit; check certificate-authority in the kubeconfig$/,
  ],
  ["other-ca", 1, /; the CA certificate does not fit; check certificate-authority in the kubeconfig$/],
  ["wrong-token", 1, /:7443 does not know us: Unauthorized; the server does not accept our token .*; renew it/],
  ["expired", 1, /does not know us: Unauthorized; our client certificate expired at 2009-12-\d\dT.*Z; renew it/],
  ["plugin", 2, /users\[u\]\.user\.exec\.command "no-such-plugin": no such program; install it or give another kube/],
  [
    "page",
    1,
    /GET http:\/\/127\.0\.0\.1:7081\/version: got <html> <h1>Welcome<\/h1>: no answer of a Kubernetes API serv/,
  ],
  ["empty", 1, /GET http:\/\/127\.0\.0\.1:7082\/version: got nothing: no answer of a Kubernetes API server; check/],
  ["tls-to-plain", 1, /that port does not speak TLS; check https:\/\/ or http:\/\/ in the server address$/],
  ["plain-to-tls", 1, /it closed the connection; check its log, and https:\/\/ or http:\/\/ in the server address$/],
])("an agent with kubeconfig %s ends with code %i and one line that says what to mend", async (name, code, says) => {
  const flags = [`--kubeconfig=${join(directory, name)}`, "--log-level=error", "--api-server-timeout=1ms"];
  const command = [`PATH=${environment.PATH}`, process.execPath, main, "agent", ...flags];
  const result = await inside.run("/usr/bin/env", command, options);
  expect(result.stderr).toMatch(/^berth agent: [^\n]*\n$/);
  expect(result.stderr.trimEnd()).toMatch(says);
  expect(result.code).toBe(code);
});

it("does not try again what trying cannot mend", async () => {
  const flags = [`--kubeconfig=${join(directory, "no-ca")}`, "--log-level=error", "--api-server-timeout=10m"];
  const command = [`PATH=${environment.PATH}`, process.execPath, main, "agent", ...flags];
  expect(await inside.run("/usr/bin/env", command, options)).toMatchObject({ code: 1 });
});
