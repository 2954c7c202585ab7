import { type RequestKind, Requests } from "../../src/provider/index.ts";
import { type Api, type Aws, apiOf, iamAction, type Made, type ReadName, type Reads } from "./aws.ts";
import type { WriteCall } from "./calls.ts";
import { providerError } from "./errors.ts";
import { type Endpoints, isEmulator } from "./settings.ts";

export interface ClientOptions {
  readonly region: string;
  readonly endpoints: Endpoints;
  readonly requests: Requests;
}

/** An SDK client of one service and the classes of its commands, by name. */
interface Service {
  readonly client: { send(command: unknown, options: { readonly abortSignal: AbortSignal }): Promise<unknown> };
  readonly commands: Readonly<Record<string, unknown>>;
}

interface ServiceOptions {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Tries once: when to try again is up to us. */
  readonly maxAttempts: 1;
}

/** Loaded with the first request to a service, so that nobody else pays for it. */
const loaders: Readonly<Record<Api, (options: ServiceOptions) => Promise<Service>>> = {
  async elb(options) {
    const commands = await import("@aws-sdk/client-elastic-load-balancing-v2");
    return serviceOf(new commands.ElasticLoadBalancingV2Client(options), commands);
  },
  async ec2(options) {
    const commands = await import("@aws-sdk/client-ec2");
    return serviceOf(new commands.EC2Client(options), commands);
  },
  async tagging(options) {
    const commands = await import("@aws-sdk/client-resource-groups-tagging-api");
    return serviceOf(new commands.ResourceGroupsTaggingAPIClient(options), commands);
  },
  async sts(options) {
    const commands = await import("@aws-sdk/client-sts");
    return serviceOf(new commands.STSClient(options), commands);
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
  readonly #services = new Map<Api, Promise<Service>>();

  constructor({ region, endpoints, requests }: ClientOptions) {
    this.region = region;
    this.#endpoints = endpoints;
    this.#requests = requests;
  }

  async read<Name extends ReadName>(
    name: Name,
    input: Reads[Name]["input"],
    signal: AbortSignal,
  ): Promise<Reads[Name]["output"]> {
    return (await this.#send("read", name, input, signal)) as Reads[Name]["output"];
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
    const Command = commands[`${name}Command`] as new (input: unknown) => unknown;
    return await this.#requests.send(kind, name, signal, async (abortSignal) => {
      try {
        return await client.send(new Command(input), { abortSignal });
      } catch (error) {
        abortSignal.throwIfAborted();
        throw providerError(error, { action: iamAction(name), region: this.region });
      }
    });
  }

  #service(api: Api): Promise<Service> {
    const known = this.#services.get(api);
    if (known !== undefined) return known;
    const endpoint = this.#endpoints[api];
    const service = loaders[api]({
      region: this.region,
      maxAttempts: 1,
      ...(endpoint !== undefined && { endpoint }),
      ...(isEmulator(endpoint) && { credentials: ofNobody }),
    });
    this.#services.set(api, service);
    return service;
  }
}

function serviceOf(client: unknown, commands: Readonly<Record<string, unknown>>): Service {
  return { client: client as Service["client"], commands };
}

/** What answers of creations have in common. */
interface Answer {
  readonly LoadBalancers?: readonly { readonly LoadBalancerArn?: string }[];
  readonly TargetGroups?: readonly { readonly TargetGroupArn?: string }[];
  readonly Listeners?: readonly { readonly ListenerArn?: string }[];
  readonly GroupId?: string;
}

function madeBy({ LoadBalancers, TargetGroups, Listeners, GroupId }: Answer): Made {
  const arn = LoadBalancers?.[0]?.LoadBalancerArn ?? TargetGroups?.[0]?.TargetGroupArn ?? Listeners?.[0]?.ListenerArn;
  return { ...(arn !== undefined && { arn }), ...(GroupId !== undefined && { id: GroupId }) };
}
