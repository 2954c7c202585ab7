import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import {
  CreateSubnetCommand,
  CreateTagsCommand,
  DescribeSubnetsCommand,
  EC2Client,
  RunInstancesCommand,
  type Subnet,
} from "@aws-sdk/client-ec2";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { provider } from "../../../providers/aws/index.ts";
import type { AdapterOptions } from "../../../providers/aws/testing/account.ts";
import type { Place } from "../../../providers/aws/testing/operator.ts";
import type { Place as CasePlace } from "../../../sandbox/aws/testing/cases.ts";
import { systemClock } from "../../../src/base/index.ts";
import type { NodeTarget } from "../../../src/model/index.ts";
import type { ProviderAdapter } from "../../../src/provider/index.ts";
import { nullLogger } from "../../../src/telemetry/index.ts";

const region = "eu-west-1";
const server = new URL("../../../.tools/moto/bin/moto_server", import.meta.url).pathname;

/** An account of moto of its own, with instances in its default VPC. */
export class Moto implements Place, AsyncDisposable {
  /** What was asked: `CreateListener ok`. */
  readonly asked: string[] = [];
  readonly #endpoint: string;
  readonly #kill: () => void;
  readonly #ec2: EC2Client;
  readonly #elb: ElasticLoadBalancingV2Client;
  #subnets: readonly Subnet[] | undefined;

  private constructor(endpoint: string, kill: () => void) {
    this.#endpoint = endpoint;
    this.#kill = kill;
    const credentials = { accessKeyId: "testing", secretAccessKey: "testing" };
    this.#ec2 = new EC2Client({ region, endpoint, credentials });
    this.#elb = new ElasticLoadBalancingV2Client({ region, endpoint, credentials });
  }

  static async start(): Promise<Moto> {
    const args = ["--pdeathsig", "KILL", server, "-H", "127.0.0.1", "-p", "0"];
    const child = spawn("setpriv", args, { stdio: ["ignore", "ignore", "pipe"] });
    for await (const line of createInterface(child.stderr)) {
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port === undefined) continue;
      child.stderr.resume();
      const moto = new Moto(`http://127.0.0.1:${port}`, () => child.kill("SIGKILL"));
      await moto.#tagSubnets();
      return moto;
    }
    throw new Error("moto ended; 'make setup-aws' installs it");
  }

  /** The account as it was in the beginning, for requests of one's own. */
  async place(): Promise<CasePlace> {
    await fetch(`${this.#endpoint}/moto-api/reset`, { method: "POST" });
    const { Subnets = [] } = await this.#ec2.send(new DescribeSubnetsCommand({}));
    const [{ VpcId = "", SubnetId = "", AvailabilityZone } = {}] = Subnets;
    const beside = { VpcId, AvailabilityZone, CidrBlock: "172.31.200.0/24" };
    const { Subnet } = await this.#ec2.send(new CreateSubnetCommand(beside));
    // Its pages count what was started at once as one.
    const [first] = await this.nodes(1);
    const grow = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await this.nodes(1);
    };
    await grow(3);
    return {
      endpoint: this.#endpoint,
      vpcId: VpcId,
      subnets: [SubnetId, Subnet?.SubnetId ?? ""],
      instance: first?.name ?? "",
      grow: () => grow(2),
      pass: () => this.pass(),
    };
  }

  /** So many more instances, as nodes. */
  async nodes(count: number): Promise<readonly NodeTarget[]> {
    const input = { ImageId: "ami-12c6146b", MinCount: count, MaxCount: count };
    const { Instances = [] } = await this.#ec2.send(new RunInstancesCommand(input));
    return Instances.map(({ InstanceId = "" }) => ({
      name: InstanceId,
      addresses: [],
      providerId: `aws:///${region}a/${InstanceId}`,
    }));
  }

  /** A load balancer with a listener and a target group, made by nobody's plan. */
  async loadBalancer(Name: string, tags: Readonly<Record<string, string>>): Promise<void> {
    this.#subnets ??= (await this.#ec2.send(new DescribeSubnetsCommand({}))).Subnets;
    const [{ SubnetId = "", VpcId } = {}] = this.#subnets ?? [];
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const place = { Type: "network" as const, Scheme: "internal" as const, Subnets: [SubnetId] };
    const { LoadBalancers } = await this.#elb.send(new CreateLoadBalancerCommand({ Name, ...place, Tags }));
    const [{ LoadBalancerArn } = {}] = LoadBalancers ?? [];
    const ofTargets = { Protocol: "TCP", Port: 80, VpcId, TargetType: "instance", HealthCheckProtocol: "TCP" } as const;
    const { TargetGroups } = await this.#elb.send(new CreateTargetGroupCommand({ Name, ...ofTargets, Tags }));
    const [{ TargetGroupArn } = {}] = TargetGroups ?? [];
    const DefaultActions = [{ Type: "forward" as const, TargetGroupArn }];
    const listener = { LoadBalancerArn, Port: 80, Protocol: "TCP", DefaultActions, Tags } as const;
    await this.#elb.send(new CreateListenerCommand(listener));
  }

  async adapter({ fence = () => undefined, clock = systemClock }: AdapterOptions): Promise<ProviderAdapter> {
    return await provider.create({
      flags: { "aws-nlb-region": region, "aws-nlb-endpoint": this.#endpoint },
      environment: {},
      clusterId: "cluster-1",
      stateDir: "",
      berth: [],
      reservedPorts: [],
      nodePortRange: { first: 30_000, last: 32_767 },
      fence,
      requestLimits: { meter: (op, code) => void this.asked.push(`${op} ${code}`) },
      logger: nullLogger,
      clock,
    });
  }

  pass(): void {
    // What it does, it does at once.
  }

  writes(): readonly string[] {
    return this.asked.filter((text) => !/^(Describe|Get)/.test(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ec2.destroy();
    this.#kill();
  }

  async #tagSubnets(): Promise<void> {
    const { Subnets = [] } = await this.#ec2.send(new DescribeSubnetsCommand({}));
    const Resources = Subnets.map(({ SubnetId = "" }) => SubnetId);
    await this.#ec2.send(
      new CreateTagsCommand({ Resources, Tags: [{ Key: "kubernetes.io/role/internal-elb", Value: "1" }] }),
    );
  }
}
