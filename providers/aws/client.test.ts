import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeLoadBalancersCommand, ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, expect, it, vi } from "vitest";
import { namesUsed } from "../../images/bundle.ts";
import { type Api, apiOf } from "./aws.ts";
import { serviceOptions } from "./client.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-aws-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Prints what of the SDK is loaded before the first request, and after it. */
const script = `
  import { registerHooks } from "node:module";
  const seen = [];
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (found.url.includes("/@aws-sdk/")) seen.push(found.url.split("/@aws-sdk/")[1].split("/")[0]);
      return found;
    },
  });
  const { provider } = await import(process.argv[1]);
  await import(process.argv[2]);
  const adapter = await provider.create({
    flags: { "aws-nlb-region": "eu-west-1", "aws-nlb-vpc-id": "vpc-0a0a0a0a", "aws-nlb-endpoint": "http://127.0.0.1:9" },
    environment: {}, clusterId: "c", stateDir: "", berth: [], reservedPorts: [],
    nodePortRange: { first: 30000, last: 32767 }, fence: () => undefined, logger: undefined,
    clock: { now: Date.now, monotonic: () => 0, schedule: () => ({ [Symbol.dispose]() {} }) },
  });
  const before = seen.length;
  await adapter.snapshot([], new AbortController().signal).catch(() => {});
  console.log(JSON.stringify([before, seen.includes("client-resource-groups-tagging-api"), seen.includes("client-ec2")]));
`;

it("loads nothing of the SDK before the first request, and then what that request needs", () => {
  const modules = ["index.ts", "../../src/cli/controller.ts"].map((path) => new URL(path, import.meta.url).href);
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script, ...modules];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([stdout.trim(), stderr]).toEqual([JSON.stringify([0, true, false]), ""]);
});

it.each<[Api, string, string]>([
  ["ec2", "client-ec2", "EC2Client"],
  ["elb", "client-elastic-load-balancing-v2", "ElasticLoadBalancingV2Client"],
  ["sts", "client-sts", "STSClient"],
  ["tagging", "client-resource-groups-tagging-api", "ResourceGroupsTaggingAPIClient"],
])("leaves all of the SDK's %s but what it sends out of a bundle", (api, name, client) => {
  const source = readFileSync(new URL("client.ts", import.meta.url), "utf8");
  const commands = Object.entries(apiOf).flatMap(([one, of]) => (of === api ? [`${one}Command`] : []));
  expect(namesUsed(source, `@aws-sdk/${name}`)).toEqual([...commands, client].sort());
});

it("takes no endpoint from a file of configuration, which nobody has checked", async () => {
  const file = join(directory, "config");
  writeFileSync(file, "[default]\nendpoint_url = http://127.0.0.1:9\n");
  vi.stubEnv("AWS_CONFIG_FILE", file);
  const hosts: string[] = [];
  const requestHandler = {
    handle: ({ hostname }: { readonly hostname: string }) => {
      hosts.push(hostname);
      return Promise.reject(new Error("it is not sent"));
    },
  };
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const options = { ...serviceOptions("eu-west-1", undefined), credentials, requestHandler };
  for (const ignoreConfiguredEndpointUrls of [true, false]) {
    const client = new ElasticLoadBalancingV2Client({
      ...options,
      ...(!ignoreConfiguredEndpointUrls && { ignoreConfiguredEndpointUrls }),
    });
    await expect(client.send(new DescribeLoadBalancersCommand({}))).rejects.toThrow("it is not sent");
  }
  // The second one shows what the SDK would do by itself.
  expect(hosts).toEqual(["elasticloadbalancing.eu-west-1.amazonaws.com", "127.0.0.1"]);
});
