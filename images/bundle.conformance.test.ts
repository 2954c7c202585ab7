import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { bundle, packagesOf } from "./bundle.ts";
import { images } from "./contents.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-bundle-"));
afterAll(() => rmSync(directory, { recursive: true }));

const sizeOf = (path: string): number =>
  readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);

const textsOf = (path: string): string =>
  readdirSync(path)
    .map((name) => readFileSync(join(path, name), "utf8"))
    .join();

it("the agent's program has no part of the controller", async () => {
  const inputs = await bundle(images["berth-agent"], join(directory, "agent"));
  expect(inputs).toContain("src/agent/index.ts");
  expect(inputs.filter((path) => /^(src\/controller|src\/provider|providers|sandbox)\//.test(path))).toEqual([]);
});

it("the controller's program has its providers, and of packages only what it uses", async () => {
  const inputs = await bundle(images["berth-controller"], join(directory, "controller"));
  expect(inputs).toEqual(expect.arrayContaining(["providers/node/index.ts", "providers/proxy/index.ts"]));
  expect(inputs.filter((path) => /^(src\/agent|sandbox)\//.test(path))).toEqual([]);
  // The package of which nothing but a file of configuration is read has 16 MiB.
  expect(packagesOf(inputs)).toContain("node_modules/@kubernetes/client-node");
  // That of Google has 75 MiB, of which 11 describe its API.
  expect(sizeOf(join(directory, "controller"))).toBeLessThan(10 * 2 ** 20);
  expect(textsOf(join(directory, "controller"))).toContain("DescribeInstances");
  expect(textsOf(join(directory, "controller"))).not.toContain("RunScheduledInstances");
});

it("the agent's program reads what packages of the older form have", async () => {
  const program = join(directory, "agent/berth.mjs");
  const config = join(directory, "agent.yaml");
  writeFileSync(config, "kind: [KubeProxyConfiguration\n");
  const { stderr } = spawnSync(process.execPath, [program, "agent", "--config", config], { encoding: "utf8" });
  expect(stderr).toMatch(/YAML/);
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      contexts: [{ name: "known", context: { cluster: "c", user: "u" } }],
    }),
  );
  const asked = spawnSync(process.execPath, [program, "explain", "service/web", "--kubeconfig", kubeconfig], {
    encoding: "utf8",
  });
  expect(asked.stderr).toContain('no context ""; it defines known');
});

it("gives all of a package whose use cannot be told", async () => {
  await bundle({ entry: "images/testdata/whole.ts" }, join(directory, "whole"));
  const { stdout } = spawnSync(process.execPath, [join(directory, "whole/berth.mjs")], { encoding: "utf8" });
  expect(stdout).toBe("function undefined\n");
});
