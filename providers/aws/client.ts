import { type Clock, errorMessage, systemClock } from "../../src/base/index.ts";
import { NotSentError, ProviderError, type RequestKind, Requests } from "../../src/provider/index.ts";
import { checkAnswer } from "./answers.ts";
import { type Api, type Aws, apiOf, iamAction, type Made, type NameOf, type ReadName, type Reads } from "./aws.ts";
import type { WriteCall } from "./calls.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import { notReached, providerError } from "./errors.ts";
import { Reach } from "./reach.ts";
import { type Endpoints, isEmulator } from "./settings.ts";

export interface ClientOptions {
  readonly region: string;
  readonly endpoints: Endpoints;
  readonly requests: Requests;
  /** By default that of the machine. */
  readonly clock?: Clock;
}

/** An SDK client of one service and the classes of all commands that it is sent, by name. */
interface Service<A extends Api> {
  readonly client: Sender;
  readonly commands: Readonly<Record<NameOf<A>, unknown>>;
}

type AnyService = { readonly [A in Api]: Service<A> }[Api];

interface Sender {
  send(command: unknown, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
}

/** What clients of the SDK have in common. */
export interface SdkOptions {
  readonly region: string;
  readonly endpoint?: string;
  /** Tries once: when to try again is up to us. */
  readonly maxAttempts: 1;
  /** What a file of configuration has is not looked at: endpoints come from flags and environment, and are checked. */
  readonly ignoreConfiguredEndpointUrls: true;
}

interface ServiceOptions extends SdkOptions {
  readonly credentials: Credentials;
}

/**
 * Loaded with the first request to a service, so that nobody else pays for it. What is used is named one by one: a bundle
 * leaves all else out, which of EC2 is nearly everything.
 */
const loaders: { readonly [A in Api]: (options: ServiceOptions) => Promise<Service<A>> } = {
  async elb(options) {
    const {
      ElasticLoadBalancingV2Client,
      AddListenerCertificatesCommand,
      AddTagsCommand,
      CreateListenerCommand,
      CreateLoadBalancerCommand,
      CreateTargetGroupCommand,
      DeleteListenerCommand,
      DeleteLoadBalancerCommand,
      DeleteTargetGroupCommand,
      DeregisterTargetsCommand,
      DescribeListenerAttributesCommand,
      DescribeListenerCertificatesCommand,
      DescribeListenersCommand,
      DescribeLoadBalancerAttributesCommand,
      DescribeLoadBalancersCommand,
      DescribeTagsCommand,
      DescribeTargetGroupAttributesCommand,
      DescribeTargetGroupsCommand,
      DescribeTargetHealthCommand,
      ModifyListenerCommand,
      ModifyListenerAttributesCommand,
      ModifyLoadBalancerAttributesCommand,
      ModifyTargetGroupCommand,
      ModifyTargetGroupAttributesCommand,
      RegisterTargetsCommand,
      RemoveListenerCertificatesCommand,
      RemoveTagsCommand,
      SetSecurityGroupsCommand,
      SetSubnetsCommand,
    } = await import("@aws-sdk/client-elastic-load-balancing-v2");
    const commands = {
      AddListenerCertificates: AddListenerCertificatesCommand,
      AddTags: AddTagsCommand,
      CreateListener: CreateListenerCommand,
      CreateLoadBalancer: CreateLoadBalancerCommand,
      CreateTargetGroup: CreateTargetGroupCommand,
      DeleteListener: DeleteListenerCommand,
      DeleteLoadBalancer: DeleteLoadBalancerCommand,
      DeleteTargetGroup: DeleteTargetGroupCommand,
      DeregisterTargets: DeregisterTargetsCommand,
      DescribeListenerAttributes: DescribeListenerAttributesCommand,
      DescribeListenerCertificates: DescribeListenerCertificatesCommand,
      DescribeListeners: DescribeListenersCommand,
      DescribeLoadBalancerAttributes: DescribeLoadBalancerAttributesCommand,
      DescribeLoadBalancers: DescribeLoadBalancersCommand,
      DescribeTags: DescribeTagsCommand,
      DescribeTargetGroupAttributes: DescribeTargetGroupAttributesCommand,
      DescribeTargetGroups: DescribeTargetGroupsCommand,
      DescribeTargetHealth: DescribeTargetHealthCommand,
      ModifyListener: ModifyListenerCommand,
      ModifyListenerAttributes: ModifyListenerAttributesCommand,
      ModifyLoadBalancerAttributes: ModifyLoadBalancerAttributesCommand,
      ModifyTargetGroup: ModifyTargetGroupCommand,
      ModifyTargetGroupAttributes: ModifyTargetGroupAttributesCommand,
      RegisterTargets: RegisterTargetsCommand,
      RemoveListenerCertificates: RemoveListenerCertificatesCommand,
      RemoveTags: RemoveTagsCommand,
      SetSecurityGroups: SetSecurityGroupsCommand,
      SetSubnets: SetSubnetsCommand,
    };
    return { client: new ElasticLoadBalancingV2Client(options) as unknown as Sender, commands };
  },
  async ec2(options) {
    const {
      EC2Client,
      AuthorizeSecurityGroupIngressCommand,
      CreateSecurityGroupCommand,
      CreateTagsCommand,
      DeleteSecurityGroupCommand,
      DeleteTagsCommand,
      DescribeAddressesCommand,
      DescribeAvailabilityZonesCommand,
      DescribeInstancesCommand,
      DescribeRouteTablesCommand,
      DescribeSecurityGroupRulesCommand,
      DescribeSecurityGroupsCommand,
      DescribeSubnetsCommand,
      DescribeVpcsCommand,
      RevokeSecurityGroupIngressCommand,
    } = await import("@aws-sdk/client-ec2");
    const commands = {
      AuthorizeSecurityGroupIngress: AuthorizeSecurityGroupIngressCommand,
      CreateSecurityGroup: CreateSecurityGroupCommand,
      CreateTags: CreateTagsCommand,
      DeleteSecurityGroup: DeleteSecurityGroupCommand,
      DeleteTags: DeleteTagsCommand,
      DescribeAddresses: DescribeAddressesCommand,
      DescribeAvailabilityZones: DescribeAvailabilityZonesCommand,
      DescribeInstances: DescribeInstancesCommand,
      DescribeRouteTables: DescribeRouteTablesCommand,
      DescribeSecurityGroupRules: DescribeSecurityGroupRulesCommand,
      DescribeSecurityGroups: DescribeSecurityGroupsCommand,
      DescribeSubnets: DescribeSubnetsCommand,
      DescribeVpcs: DescribeVpcsCommand,
      RevokeSecurityGroupIngress: RevokeSecurityGroupIngressCommand,
    };
    return { client: new EC2Client(options) as unknown as Sender, commands };
  },
  async tagging(options) {
    const { ResourceGroupsTaggingAPIClient } = await import("@aws-sdk/client-resource-groups-tagging-api");
    const { GetResourcesCommand } = await import("@aws-sdk/client-resource-groups-tagging-api");
    const commands = { GetResources: GetResourcesCommand };
    return { client: new ResourceGroupsTaggingAPIClient(options) as unknown as Sender, commands };
  },
  async sts(options) {
    const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
    const commands = { GetCallerIdentity: GetCallerIdentityCommand };
    return { client: new STSClient(options) as unknown as Sender, commands };
  },
};

/** What emulators take. */
const ofNobody = { accessKeyId: "testing", secretAccessKey: "testing" } as const;

/**
 * AWS through its SDK, with the credentials that the SDK finds: environment, profile, IRSA, Pod Identity, instance. All
 * requests leave through `Requests`: at a rate, with a time limit, and writes past the fence.
 */
export class SdkClient implements Aws {
  readonly region: string;
  readonly #endpoints: Endpoints;
  readonly #requests: Requests;
  readonly #reach: Reach;
  readonly #services = new Map<Api, Promise<AnyService>>();
  #found: Promise<Credentials> | undefined;

  constructor({ region, endpoints, requests, clock = systemClock }: ClientOptions) {
    this.region = region;
    this.#endpoints = endpoints;
    this.#requests = requests;
    this.#reach = new Reach(clock);
  }

  async read<Name extends ReadName>(
    name: Name,
    input: Reads[Name]["input"],
    signal: AbortSignal,
  ): Promise<Reads[Name]["output"]> {
    const output = (await this.#send("read", name, input, signal)) as Reads[Name]["output"];
    checkAnswer(name, output);
    return output;
  }

  async write({ name, input }: WriteCall, signal: AbortSignal): Promise<Made> {
    return madeBy((await this.#send("write", name, input, signal)) as Answer);
  }

  async #send(
    kind: RequestKind,
    name: ReadName | WriteCall["name"],
    input: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { client, commands } = await this.#service(apiOf[name]);
    const Command = (commands as Readonly<Record<string, unknown>>)[name] as new (input: unknown) => unknown;
    const action = iamAction(name);
    using _ = this.#reach.enter(action);
    const ask = async (abortSignal: AbortSignal): Promise<unknown> => {
      try {
        return await client.send(new Command(input), { abortSignal });
      } catch (error) {
        abortSignal.throwIfAborted();
        throw providerError(error, { action, region: this.region });
      } finally {
        if (!abortSignal.aborted) this.#reach.note(true);
      }
    };
    try {
      return await this.#requests.send(kind, name, signal, ask);
    } catch (error) {
      if (signal.aborted || error instanceof ProviderError || error instanceof NotSentError) throw error;
      this.#reach.note(false);
      throw new ProviderError({ kind: "retryable" }, notReached(action, errorMessage(error)), { cause: error });
    }
  }

  #service(api: Api): Promise<AnyService> {
    const known = this.#services.get(api);
    if (known !== undefined) return known;
    const service = this.#load(api);
    this.#services.set(api, service);
    return service;
  }

  async #load(api: Api): Promise<AnyService> {
    const endpoint = this.#endpoints[api];
    const credentials = isEmulator(endpoint) ? ofNobody : await this.#credentials();
    return await loaders[api]({ ...sdkOptions(this.region, endpoint), credentials });
  }

  /** Found once for all services. */
  #credentials(): Promise<Credentials> {
    this.#found ??= findCredentials(sdkOptions(this.region, this.#endpoints.sts));
    return this.#found;
  }
}

/** What a client of the SDK is made with. */
export function sdkOptions(region: string, endpoint: string | undefined): SdkOptions {
  const options = { region, maxAttempts: 1, ignoreConfiguredEndpointUrls: true } as const;
  return endpoint === undefined ? options : { ...options, endpoint };
}

/** What answers of creations have in common. */
interface Answer {
  readonly LoadBalancers?: readonly { readonly LoadBalancerArn?: string }[];
  readonly TargetGroups?: readonly { readonly TargetGroupArn?: string }[];
  readonly Listeners?: readonly { readonly ListenerArn?: string }[];
  readonly GroupId?: string;
  readonly SecurityGroupRules?: Made["rules"];
}

function madeBy({ LoadBalancers, TargetGroups, Listeners, GroupId, SecurityGroupRules: rules }: Answer): Made {
  const arn = LoadBalancers?.[0]?.LoadBalancerArn ?? TargetGroups?.[0]?.TargetGroupArn ?? Listeners?.[0]?.ListenerArn;
  return {
    ...(arn !== undefined && { arn }),
    ...(GroupId !== undefined && { id: GroupId }),
    ...(rules !== undefined && { rules }),
  };
}
