import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeLoadBalancersCommand, ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { STSClientConfig } from "@aws-sdk/client-sts";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { namesUsed } from "../../images/bundle.ts";
import { type Api, apiOf } from "./aws.ts";
import { sdkOptions } from "./client.ts";
import { findCredentials } from "./credentials.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-aws-"));
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

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

/** Says where requests would go, and sends none. */
function recorder(): { readonly hosts: string[]; readonly requestHandler: HttpHandler } {
  const hosts: string[] = [];
  const handle = ({ hostname }: { readonly hostname: string }): Promise<never> => {
    hosts.push(hostname);
    return Promise.reject(new Error("it is not sent"));
  };
  return { hosts, requestHandler: { handle } };
}

type HttpHandler = NonNullable<STSClientConfig["requestHandler"]>;

/** What the SDK would follow by itself to a place that nobody has checked. */
function configure(lines: string): void {
  // The SDK reads each file once.
  const file = join(directory, randomUUID());
  writeFileSync(file, lines);
  vi.stubEnv("AWS_CONFIG_FILE", file);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(directory, "none"));
  vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
}

it("takes no endpoint from a file of configuration, which nobody has checked", async () => {
  configure("[default]\nendpoint_url = http://127.0.0.1:9\n");
  const { hosts, requestHandler } = recorder();
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const options = { ...sdkOptions("eu-west-1", undefined), credentials, requestHandler };
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

const token = join(directory, "token");
const webIdentity = `role_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = ${token}\n`;
const sourced = `role_arn = arn:aws:iam::1:role/x\nsource_profile = keys\n[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n`;

/** Ways to credentials that STS gives, by what the file says and the environment. */
const ways: readonly (readonly [what: string, lines: string, environment: Readonly<Record<string, string>>])[] = [
  ["a web identity", "", { AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: "arn:aws:iam::1:role/x" }],
  ["a profile with a web identity", webIdentity, { AWS_PROFILE: "default" }],
  ["a profile with a role", sourced, { AWS_PROFILE: "default" }],
];
const nowhere: Readonly<Record<string, string>> = {
  AWS_ENDPOINT_URL: "http://127.0.0.1:9",
  AWS_ENDPOINT_URL_STS: "http://127.0.0.1:9",
};

it.each(ways)("asks only the STS that it was told of for credentials by %s", async (_, lines, environment) => {
  configure(`[default]\nendpoint_url = http://127.0.0.1:9\n${lines}`);
  writeFileSync(token, "of the pod");
  for (const [name, value] of Object.entries({ ...nowhere, ...environment })) vi.stubEnv(name, value);
  const { hosts, requestHandler } = recorder();
  for (const endpoint of [undefined, "https://sts.example"]) {
    const options = { ...sdkOptions("eu-west-1", endpoint), requestHandler };
    const find = (await findCredentials(options)) as () => Promise<unknown>;
    await expect(find()).rejects.toThrow("it is not sent");
  }
  const byItself = defaultProvider({
    clientConfig: { region: "eu-west-1", requestHandler },
    parentClientConfig: { region: "eu-west-1", requestHandler },
  });
  await expect(byItself()).rejects.toThrow("it is not sent");
  expect(hosts).toEqual(["sts.eu-west-1.amazonaws.com", "sts.example", "127.0.0.1"]);
});
