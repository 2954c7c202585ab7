import { expect, it } from "vitest";
import { type Api, apiOf } from "../../providers/aws/aws.ts";
import { FakeAws, furnish, run, vpcId } from "./index.ts";
import { models, Request } from "./protocol/index.ts";
import { refusals } from "./rules.ts";

const versions = { elb: "2015-12-01", ec2: "2016-11-15" } as const;

/** AWS' word for what comes of a request as it goes over the wire: `Name=x&Tags.member.1.Key=y`. */
async function word(api: keyof typeof versions, action: string, form: string): Promise<string> {
  await using aws = await FakeAws.start();
  furnish(aws.state);
  run(aws.state, "i-1", "a");
  const body = `Action=${action}&Version=${versions[api]}&${form}`;
  const answer = await fetch(aws.endpoint, { method: "POST", body });
  const text = await answer.text();
  const [, code = "ok"] = /<Code>(.*)<\/Code>/.exec(text) ?? [];
  const [, path] = /at '([^']*)'/.exec(text) ?? [];
  return path === undefined ? code : `${code} at ${path}`;
}

const tag = "Tags.member.1.Key=berth.dev/cluster";
const group = `Name=tg&Protocol=TCP&Port=80&VpcId=${vpcId}&${tag}`;

it.each([
  ["a request that fits", group, "ok"],
  ["a parameter that nobody knows", `${group}&Color=red`, "ValidationError at ?Color"],
  ["one inside a structure", `${group}&Tags.member.1.Color=red`, "ValidationError at Tags.1.?Color"],
  ["one that is missing", `Protocol=TCP&${tag}`, "ValidationError at Name"],
  ["one that is missing inside a structure", `${group}&Tags.member.2.Value=x`, "ValidationError at Tags.2.Key"],
  ["none of the words that there are", `${group}&HealthCheckProtocol=ICMP`, "ValidationError at HealthCheckProtocol"],
  ["a word for a number", `Name=tg&Port=http&${tag}`, "ValidationError at Port"],
  ["a word for a yes or no", `${group}&HealthCheckEnabled=yes`, "ValidationError at HealthCheckEnabled"],
  ["a text for a structure", `${group}&Matcher=200`, "ValidationError at Matcher"],
  ["a list without its numbers", `${group}&Tags.Key=x`, "ValidationError at Tags"],
  ["a number that is too small", `${group}&HealthyThresholdCount=1`, "ValidationError at HealthyThresholdCount"],
  ["one that is too large", `Name=tg&Port=65536&${tag}`, "ValidationError at Port"],
  ["a text that is too long", `${group}&Tags.member.2.Key=${"x".repeat(129)}`, "ValidationError at Tags.2.Key"],
  ["letters that a tag may not have", `${group}&Tags.member.2.Key=a%26b`, "ValidationError at Tags.2.Key"],
])("Elastic Load Balancing takes %s as its model says", async (_, form, expected) => {
  expect(await word("elb", "CreateTargetGroup", form)).toBe(expected);
});

const sg = `GroupName=sg&GroupDescription=-&VpcId=${vpcId}&TagSpecification.1.Tag.1.Key=berth.dev/cluster`;

it.each([
  ["CreateSecurityGroup", sg, "ok"],
  ["CreateSecurityGroup", `${sg}&Color=red`, "UnknownParameter at ?Color"],
  ["CreateSecurityGroup", `GroupName=sg&VpcId=${vpcId}`, "MissingParameter at Description"],
  [
    "CreateSecurityGroup",
    `${sg}&TagSpecification.1.ResourceType=x`,
    "InvalidParameterValue at TagSpecifications.1.ResourceType",
  ],
  ["DescribeSecurityGroups", "MaxResults=4", "InvalidParameterValue at MaxResults"],
  ["DescribeSecurityGroups", "MaxResults=many", "InvalidParameterValue at MaxResults"],
  ["CreateSecurityGroup", `${sg}&Description=-`, "UnknownParameter at ?Description"],
  ["DescribeSecurityGroups", "Filters.1.Name=x", "UnknownParameter at ?Filters"],
])("EC2 refuses what its model does not admit, in its own words: %s %s", async (action, form, expected) => {
  expect(await word("ec2", action, form)).toBe(expected);
});

it.each([
  [{ TagFilters: [{ Key: "", Values: [] }] }, "InvalidParameterException"],
  [{ ResourceTypeFilters: "elasticloadbalancing" }, "InvalidParameterException"],
  [{ ResourceTypeFilters: ["elasticloadbalancing"] }, undefined],
])("the tagging API takes what fits its model alone: %j", async (input, expected) => {
  await using aws = await FakeAws.start();
  const headers = { "x-amz-target": "ResourceGroupsTaggingAPI_20170126.GetResources" };
  const answer = await fetch(aws.endpoint, { method: "POST", headers, body: JSON.stringify(input) });
  expect(((await answer.json()) as { readonly __type?: string }).__type).toBe(expected);
});

it("knows every request that the provider can send", () => {
  const known = Object.entries(models).flatMap(([api, { operations }]) =>
    Object.keys(operations).map((name) => [name, api as Api] as const),
  );
  expect(new Map(known)).toEqual(new Map(Object.entries(apiOf)));
});

it("refuses in words that AWS' model has of Elastic Load Balancing", () => {
  const declared = new Set(Object.values(models.elb.operations).flatMap(({ errors }) => errors));
  const own = Object.values(refusals).filter(({ source }) => source.includes("/elasticloadbalancing/"));
  const words = new Set(own.flatMap(({ code }) => (["", "ValidationError"].includes(code) ? [] : [code])));
  expect(words.size).toBeGreaterThan(8);
  expect([...words].filter((word) => !declared.has(word))).toEqual([]);
});

it.each([
  [{ TargetGroups: [{ TargetGroupArn: "arn", Protocol: "TCP", LoadBalancerArns: [] }] }, undefined],
  [{ TargetGroups: [{ Arn: "arn" }] }, "TargetGroups.1.Arn"],
  [{ TargetGroups: [{ Port: "80" }] }, "TargetGroups.1.Port"],
  [{ TargetGroups: [{ Protocol: "SCTP" }] }, "TargetGroups.1.Protocol"],
  [{ TargetGroups: [{ Tags: [] }] }, "TargetGroups.1.Tags"],
])("answers nothing that does not fit the model: %j", (value, path) => {
  const request = new Request("Action=DescribeTargetGroups&Version=2015-12-01", undefined);
  const answer = (): unknown => request.answer(value);
  if (path === undefined) expect(answer()).toMatchObject({ status: 200 });
  else expect(answer).toThrow(`"path":"${path}"`);
});
