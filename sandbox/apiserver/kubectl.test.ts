import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServer } from "./fixture.ts";
import type { ApiServer } from "./index.ts";

// e2e/contract holds hundreds of commands to what the real server answers; this is what must never break unseen.
const run = promisify(execFile);
const binary = new URL("../../.tools/kubectl", import.meta.url).pathname;

let directory: string;
let server: ApiServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-kubectl-"));
  server = await startServer({
    listen: [{ scheme: "https", host: "127.0.0.1", port: 0 }],
    kubeconfigFile: join(directory, "kubeconfig"),
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function kubectl(...words: readonly string[]): Promise<string> {
  const environment = { HOME: directory, KUBECONFIG: join(directory, "kubeconfig") };
  const { stdout } = await run(binary, words, { env: environment });
  return stdout;
}

it("creates with protobuf, shows tables, scales and waits", { timeout: 60_000 }, async () => {
  expect(await kubectl("create", "service", "loadbalancer", "lb", "--tcp=80:8080")).toBe("service/lb created\n");
  expect(await kubectl("get", "service", "lb", "--no-headers")).toMatch(
    /^lb +LoadBalancer +10\.96\.0\.\d+ +<pending> +80:30\d+\/TCP +\d+s\n$/,
  );
  await kubectl("create", "deployment", "web", "--image=echo", "--replicas=0");
  expect(await kubectl("scale", "deployment", "web", "--replicas=2")).toBe("deployment.apps/web scaled\n");
  expect(await kubectl("wait", "--for=jsonpath={.spec.replicas}=2", "deployment/web")).toContain("condition met");
});

it("refuses a field that nobody knows", { timeout: 60_000 }, async () => {
  const file = join(directory, "bad.json");
  const body = { apiVersion: "v1", kind: "Service", metadata: { name: "bad" }, spec: { typo: 1 } };
  await writeFile(file, JSON.stringify(body));
  await expect(kubectl("create", "-f", file)).rejects.toThrow('strict decoding error: unknown field "spec.typo"');
});
