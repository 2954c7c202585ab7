import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createMetrics } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { connect, type ServerChoice } from "./connection.ts";

const { signal } = new AbortController();
const process = (environment: Process["environment"]): Process => {
  return { argv: [], environment, signal, stdout: globalThis.process.stdout, stderr: globalThis.process.stderr };
};
let kubeconfig: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-connection-"));
  kubeconfig = join(folder, "kubeconfig");
  const cluster = { server: "http://192.0.2.1:8080" };
  const file = {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c" } }],
    clusters: [{ name: "c", cluster }],
  };
  await writeFile(kubeconfig, JSON.stringify(file));
});

afterAll(() => rm(join(kubeconfig, ".."), { recursive: true }));

const pod = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

it.each<[string, ServerChoice, Process["environment"], string]>([
  ["the kubeconfig", { kubeconfig: "FILE" }, pod, "http://192.0.2.1:8080"],
  [
    "--master above the kubeconfig",
    { kubeconfig: "FILE", master: "https://192.0.2.2:6443/" },
    pod,
    "https://192.0.2.2:6443",
  ],
  ["--master alone", { master: "https://192.0.2.2:6443" }, {}, "https://192.0.2.2:6443"],
  ["--master alone, in the clear", { master: "http://192.0.2.2:8080" }, pod, "http://192.0.2.2:8080"],
])("connects by %s", async (_, choice, environment, server) => {
  const given = { ...choice, ...(choice.kubeconfig !== undefined && { kubeconfig }) };
  const connection = await connect(given, process(environment), createMetrics());
  await using _client = connection.client;
  expect(connection.server).toBe(server);
});

it.each([
  ["--master", { master: "192.0.2.1" }],
  ["--master and a kubeconfig", { master: "192.0.2.1", kubeconfig: "FILE" }],
])("refuses %s that is no URL", async (_, choice) => {
  const given = { ...choice, ...("kubeconfig" in choice && { kubeconfig }) };
  await expect(connect(given, process({}), createMetrics())).rejects.toThrow(
    'API server address: "192.0.2.1" is no URL; give https://HOST:PORT',
  );
});
