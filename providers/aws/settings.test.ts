import { expect, it } from "vitest";
import { settingsOf } from "./settings.ts";

it("finds what it is told in flags, then in the SDK's own variables", () => {
  const environment = {
    AWS_REGION: "us-east-1",
    AWS_ENDPOINT_URL: "http://one:1",
    AWS_ENDPOINT_URL_EC2: "http://ec2:1",
  };
  expect(settingsOf({}, environment)).toEqual({
    region: "us-east-1",
    vpcId: undefined,
    endpoints: { ec2: "http://ec2:1", elb: "http://one:1", sts: "http://one:1", tagging: "http://one:1" },
    agents: true,
    maxRules: 60,
  });
  const flags = {
    "aws-nlb-region": "eu-west-1",
    "aws-nlb-vpc-id": "vpc-12345678",
    "aws-nlb-endpoint": "http://flag:1",
    "aws-nlb-agents": "false",
    "aws-nlb-rules-per-group": "200",
  };
  expect(settingsOf(flags, environment)).toMatchObject({
    region: "eu-west-1",
    vpcId: "vpc-12345678",
    endpoints: { ec2: "http://flag:1" },
    agents: false,
    maxRules: 200,
  });
  expect(settingsOf({}, { AWS_DEFAULT_REGION: "us-gov-west-1" })).toMatchObject({
    region: "us-gov-west-1",
    endpoints: {},
  });
});

it.each<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>, string]>([
  [
    "a region that is none",
    { "aws-nlb-region": "Ireland" },
    {},
    '--aws-nlb-region: "Ireland" is no region, such as eu-west-1',
  ],
  [
    "a VPC that is none",
    { "aws-nlb-vpc-id": "main" },
    {},
    '--aws-nlb-vpc-id: "main" is no ID of a VPC, such as vpc-0123456789abcdef0',
  ],
  ["a switch that is none", { "aws-nlb-agents": "yes" }, {}, '--aws-nlb-agents: "yes" is neither true nor false'],
  [
    "a quota that is none",
    { "aws-nlb-rules-per-group": "0" },
    {},
    '--aws-nlb-rules-per-group: "0" is no whole number from 1 to 9999',
  ],
  [
    "one endpoint without TLS beside AWS' own",
    {},
    { AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1" },
    "AWS_ENDPOINT_URL_STS: an endpoint without TLS beside others, which get real credentials; give one for all by --aws-nlb-endpoint or AWS_ENDPOINT_URL",
  ],
  [
    "an endpoint that is no URL",
    { "aws-nlb-endpoint": "localhost:5000" },
    {},
    '--aws-nlb-endpoint: "localhost:5000" is no URL of an endpoint, such as http://127.0.0.1:5000',
  ],
  [
    "an endpoint that would get what real credentials signed",
    {},
    { AWS_ENDPOINT_URL_STS: "https://sts.example" },
    "AWS_ENDPOINT_URL_STS: sts.example would get requests that real credentials signed; give --aws-nlb-allow-custom-endpoint true if it may",
  ],
])("refuses %s, and says what to do", (_, flags, environment, message) => {
  expect(() => settingsOf(flags, environment)).toThrow(expect.objectContaining({ name: "UsageError", message }));
});

it("lets an endpoint have what real credentials signed once it is told so", () => {
  const flags = { "aws-nlb-endpoint": "https://aws.example", "aws-nlb-allow-custom-endpoint": "true" };
  expect(settingsOf(flags, {}).endpoints.elb).toBe("https://aws.example");
});
