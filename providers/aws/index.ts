// Network Load Balancers of AWS, in front of instances: listeners and target groups that send to node ports, security
// groups that say who may connect, and one set of rules that lets all of them in to the nodes. Invariant: what does not
// carry the tags of the cluster and the Service is never changed or deleted. Nothing of AWS' SDK is loaded before the
// first request.
import { FailureError } from "../../src/base/index.ts";
import { type ProviderContext, type ProviderModule, Requests } from "../../src/provider/index.ts";
import { AwsAdapter } from "./adapter.ts";
import { SdkClient } from "./client.ts";
import { instanceMetadata } from "./instance-metadata.ts";
import { Reader } from "./reading/index.ts";
import { Refusals } from "./refusals.ts";
import { settingsOf } from "./settings.ts";
import { Writer } from "./writer.ts";

export const provider: ProviderModule = {
  name: "aws-nlb",
  flags: [
    {
      flag: "--aws-nlb-region <name>",
      description: "region of the cluster (default: $AWS_REGION, $AWS_DEFAULT_REGION, else that of the instance)",
    },
    {
      flag: "--aws-nlb-vpc-id <id>",
      description: "VPC of the nodes (default: that of the instance, else the only one of the region)",
    },
    {
      flag: "--aws-nlb-agents <true|false>",
      description: "berth agents serve the nodes, whose health checks understand the PROXY protocol (default: true)",
    },
    {
      flag: "--aws-nlb-rules-per-group <number>",
      description: "AWS' quota of rules for a security group, if it was raised (default: 60)",
    },
    {
      flag: "--aws-nlb-endpoint <url>",
      description:
        "another endpoint than AWS' own; one without TLS gets no real credentials (default: $AWS_ENDPOINT_URL)",
    },
    {
      flag: "--aws-nlb-allow-custom-endpoint <true|false>",
      description: "another endpoint than AWS' own may get what real credentials signed (default: false)",
    },
  ],
  // AWS allows 10 requests a second, and 40 at once, to all who use an account in a region.
  rates: { read: { perSecond: 8, burst: 30 }, write: { perSecond: 3, burst: 20 } },
  create,
};

async function create(context: ProviderContext): Promise<AwsAdapter> {
  const { flags, environment, clusterId, clock, fence, requestLimits, nodePortRange } = context;
  const given = settingsOf(flags, environment);
  const found =
    given.region === undefined || given.vpcId === undefined ? await instanceMetadata(environment) : undefined;
  const region = given.region ?? found?.region;
  if (region === undefined)
    throw new FailureError("aws-nlb: this is no instance that would tell its region; give --aws-nlb-region");
  const requests = new Requests({ ...requestLimits, fence, clock });
  const aws = new SdkClient({ region, endpoints: given.endpoints, requests, clock });
  const refusals = new Refusals(clock);
  // The instance's own VPC is that of the nodes only if they are in the same region.
  const vpcId = given.vpcId ?? (found?.region === region ? found.vpcId : undefined);
  const reader = new Reader({ aws, clusterId, vpcId, refusals, clock });
  const writer = new Writer({ aws, reader, refusals });
  const { agents, maxRules } = given;
  return new AwsAdapter({ aws, reader, writer, settings: { region, agents, nodePortRange, maxRules } });
}
