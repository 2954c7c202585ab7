import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../src/base/index.ts";
import { type ProviderContext, Requests } from "../../src/provider/index.ts";
import { nullLogger } from "../../src/telemetry/index.ts";
import { SdkClient } from "./client.ts";
import { provider } from "./index.ts";
import { instanceMetadata } from "./instance-metadata.ts";

const context: Omit<ProviderContext, "environment"> = {
  flags: {},
  clusterId: "cluster-1",
  stateDir: "",
  berth: [],
  reservedPorts: [],
  nodePortRange: { first: 30_000, last: 32_767 },
  fence: () => undefined,
  logger: nullLogger,
  clock: systemClock,
};

let server: Server | undefined;

afterEach(() => void server?.close());

/** Answers as the instance's own service does, or with an error. */
async function serve(answers: Readonly<Record<string, string>>): Promise<string> {
  server = createServer((request, response) => {
    const isAllowed = request.method === "PUT" || request.headers["x-aws-ec2-metadata-token"] === "token";
    const answer = isAllowed ? answers[request.url?.replace("/latest/", "") ?? ""] : undefined;
    response.writeHead(answer === undefined ? 401 : 200).end(answer);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const metadata = {
  "api/token": "token",
  "meta-data/mac": "0a:00",
  "meta-data/placement/region": "eu-central-1",
  "meta-data/network/interfaces/macs/0a:00/vpc-id": "vpc-12345678",
};

it("asks the instance where it is, with a token as IMDSv2 wants it", async () => {
  const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: await serve(metadata) };
  expect(await instanceMetadata(environment)).toEqual({ region: "eu-central-1", vpcId: "vpc-12345678" });
  expect((await provider.create({ ...context, environment })).name).toBe("aws-nlb");
  expect(await instanceMetadata({ ...environment, AWS_EC2_METADATA_DISABLED: "true" })).toEqual({});
});

it("says what to give where nothing tells the region", async () => {
  const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: await serve({}) };
  await expect(provider.create({ ...context, environment })).rejects.toThrow("give --aws-nlb-region");
});

it("sends no real credentials without TLS, and tries once", async () => {
  const seen: string[] = [];
  server = createServer((request, response) => {
    seen.push(request.headers.authorization ?? "");
    request.resume().on("end", () => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const requests = new Requests({ fence: () => undefined, clock: systemClock });
  const aws = new SdkClient({ region: "eu-west-1", endpoints: { elb: endpoint }, requests });
  const asked = aws.read("DescribeLoadBalancers", {}, new AbortController().signal);
  await expect(asked).rejects.toMatchObject({ name: "ProviderError", fault: { kind: "retryable" } });
  expect(seen).toEqual([expect.stringContaining("Credential=testing/")]);
});
