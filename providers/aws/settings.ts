import { UsageError } from "../../src/base/index.ts";
import { type Api } from "./aws.ts";

/** What the controller is told for this provider; undefined where it has to be found out. */
export interface AwsSettings {
  readonly region: string | undefined;
  readonly vpcId: string | undefined;
  readonly endpoints: Endpoints;
  /** Berth's agents serve the nodes. */
  readonly agents: boolean;
  /** AWS' quota of rules for a security group. */
  readonly maxRules: number;
}

/** Other endpoints than AWS' own, by API. */
export type Endpoints = Readonly<Partial<Record<Api, string>>>;

type Texts = Readonly<Record<string, string | undefined>>;

/** The SDK's own variables, for one API each. */
const variables: Readonly<Record<Api, string>> = {
  ec2: "AWS_ENDPOINT_URL_EC2",
  elb: "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
  sts: "AWS_ENDPOINT_URL_STS",
  tagging: "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
};

/** Throws UsageError naming the flag. */
export function settingsOf(flags: Texts, environment: Texts): AwsSettings {
  const vpcId = flags["aws-nlb-vpc-id"];
  if (vpcId !== undefined && !/^vpc-[0-9a-f]{8,17}$/.test(vpcId))
    throw new UsageError(`--aws-nlb-vpc-id: ${JSON.stringify(vpcId)} is no ID of a VPC, such as vpc-0123456789abcdef0`);
  const region = flags["aws-nlb-region"] ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"];
  if (region !== undefined && !/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region))
    throw new UsageError(`--aws-nlb-region: ${JSON.stringify(region)} is no region, such as eu-west-1`);
  const agents = bool(flags, "aws-nlb-agents") ?? true;
  const maxRules = count(flags, "aws-nlb-rules-per-group") ?? 60;
  return { region, vpcId, endpoints: endpointsOf(flags, environment), agents, maxRules };
}

function endpointsOf(flags: Texts, environment: Texts): Endpoints {
  const isAllowed = bool(flags, "aws-nlb-allow-custom-endpoint") ?? false;
  const found = (Object.keys(variables) as Api[]).flatMap((api) => {
    const places = [
      ["--aws-nlb-endpoint", flags["aws-nlb-endpoint"]],
      [variables[api], environment[variables[api]]],
      ["AWS_ENDPOINT_URL", environment["AWS_ENDPOINT_URL"]],
    ] as const;
    const [place, text] = places.find(([, value]) => value !== undefined) ?? [];
    return place === undefined || text === undefined ? [] : [[api, endpoint(place, text, isAllowed)] as const];
  });
  const plain = found.filter(([, url]) => isEmulator(url)).map(([api]) => variables[api]);
  if (plain.length > 0 && plain.length < Object.keys(variables).length)
    throw new UsageError(
      `${plain.join(", ")}: an endpoint without TLS beside others, which get real credentials; give one for all by --aws-nlb-endpoint or AWS_ENDPOINT_URL`,
    );
  return Object.fromEntries(found);
}

/** Who can read along, or pretends to be AWS, must not get to see what real credentials sign. */
function endpoint(place: string, text: string, isAllowed: boolean): string {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.username !== "")
    throw new UsageError(`${place}: ${JSON.stringify(text)} is no URL of an endpoint, such as http://127.0.0.1:5000`);
  if (url.protocol === "https:" && !isAllowed)
    throw new UsageError(
      `${place}: ${url.host} would get requests that real credentials signed; give --aws-nlb-allow-custom-endpoint true if it may`,
    );
  return text;
}

/** Without encryption no real credentials are used: an emulator takes any. */
export function isEmulator(endpoint: string | undefined): boolean {
  return endpoint?.startsWith("http:") === true;
}

function count(flags: Texts, name: string): number | undefined {
  const text = flags[name];
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new UsageError(`--${name}: ${JSON.stringify(text)} is no whole number from 1 to 9999`);
  return Number(text);
}

function bool(flags: Texts, name: string): boolean | undefined {
  const text = flags[name];
  if (text === undefined) return undefined;
  if (text !== "true" && text !== "false")
    throw new UsageError(`--${name}: ${JSON.stringify(text)} is neither true nor false`);
  return text === "true";
}
