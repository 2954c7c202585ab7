// An account of the fake AWS with a cluster in it: subnets, instances, certificates; and adapters that come and go.
import { env } from "node:process";
import { FakeAws, furnish, type RuleId, region, run, vpcId } from "../../../sandbox/aws/index.ts";
import { type Clock, systemClock } from "../../../src/base/index.ts";
import type { ProviderAdapter, RequestLimits } from "../../../src/provider/index.ts";
import { nullLogger } from "../../../src/telemetry/index.ts";
import { provider } from "../index.ts";
import { instanceId, zoneOf } from "./values.ts";

export const clusterId = "cluster-1";
export const certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/one";
export const otherCertificate = "arn:aws:acm:eu-west-1:123456789012:certificate/two";

export interface AdapterOptions {
  readonly fence?: () => string | undefined;
  readonly clock?: Clock;
  readonly requestLimits?: RequestLimits;
  /** Where AWS is for it; by default the account itself. */
  readonly endpoint?: string;
}

/** What else the account is. */
export interface AccountOptions {
  readonly instances?: number;
  /** A rule that does not hold. */
  readonly off?: RuleId | undefined;
}

/** The rule that is off in all of them, so that it shows which tests need it. */
const everywhereOff = env["FAKE_AWS_OFF"] as RuleId | undefined;

export class Account implements AsyncDisposable {
  readonly aws: FakeAws;

  private constructor(aws: FakeAws) {
    this.aws = aws;
  }

  static async open({ instances = 3, off = everywhereOff }: AccountOptions = {}): Promise<Account> {
    const aws = await FakeAws.start({ off });
    furnish(aws.state);
    for (const arn of [certificate, otherCertificate]) aws.state.certificates.add(arn);
    const account = new Account(aws);
    for (let i = 1; i <= instances; i++) account.run(instanceId(i));
    return account;
  }

  /** An instance runs from now on. */
  run(id: string): void {
    run(this.aws.state, id, zoneOf(id));
  }

  /** A controller that was just started; it took longer than AWS' lists lag. */
  async adapter({
    fence = () => undefined,
    clock = systemClock,
    requestLimits,
    endpoint = this.aws.endpoint,
  }: AdapterOptions = {}): Promise<ProviderAdapter> {
    this.aws.pass(30_000);
    return await provider.create({
      flags: { "aws-nlb-region": region, "aws-nlb-vpc-id": vpcId, "aws-nlb-endpoint": endpoint },
      environment: {},
      clusterId,
      stateDir: "",
      berth: [],
      reservedPorts: [],
      nodePortRange: { first: 30_000, last: 32_767 },
      fence,
      ...(requestLimits !== undefined && { requestLimits }),
      logger: nullLogger,
      clock,
    });
  }

  pass(ms: number): void {
    this.aws.pass(ms);
  }

  /** All that is there, one line each, without what tells in which order it was made. */
  fingerprint(): string {
    const { loadBalancers, listeners, targetGroups, groups } = this.aws.state;
    const names = new Map<string, string>();
    for (const { arn, name } of [...loadBalancers.values(), ...targetGroups.values()]) names.set(arn, name);
    for (const { id, name } of groups.values()) names.set(id, name);
    const lines = [
      ...[...loadBalancers.values()].map((one) => [
        "load balancer",
        one.name,
        one.scheme,
        one.ipAddressType,
        one.subnets.toSorted(),
        one.groups.map((id) => names.get(id) ?? id).sort(),
        one.privateLink,
        sorted(one.attributes),
        sorted(one.tags),
      ]),
      ...[...listeners.values()].map((one) => [
        "listener",
        names.get(one.loadBalancer),
        one.port,
        one.protocol,
        one.certificates,
        one.policy,
        one.alpn,
        one.forward.map(({ group }) => names.get(group)),
        sorted(one.attributes),
        sorted(one.tags),
      ]),
      ...[...targetGroups.values()].map((one) => [
        "target group",
        one.name,
        one.protocol,
        one.check,
        sorted(one.attributes),
        sorted(one.tags),
        [...one.targets]
          .filter(([, { drainingSince }]) => drainingSince === undefined)
          .map(([key]) => key)
          .sort(),
      ]),
      ...[...groups.values()].flatMap(({ name, tags, rules }) => [
        ["security group", name, sorted(tags)],
        ...rules.map((rule) => [
          "rule",
          name,
          rule.protocol,
          rule.from,
          rule.to,
          names.get(rule.source) ?? rule.source,
          sorted(rule.tags),
        ]),
      ]),
    ];
    return lines
      .map((line) => JSON.stringify(line))
      .sort()
      .join("\n");
  }

  /** A load balancer that somebody else made. */
  addForeign(name: string, tags: Readonly<Record<string, string>>): void {
    const { state } = this.aws;
    const arn = state.arn("loadbalancer/net", name);
    state.loadBalancers.set(arn, {
      arn,
      name,
      scheme: "internal",
      wish: "somebody else's",
      madeAt: 0,
      ipAddressType: "ipv4",
      sourceNat: "off",
      subnets: ["subnet-internal-a"],
      groups: [],
      privateLink: "on",
      attributes: new Map(),
      tags: new Map(Object.entries(tags)),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.aws[Symbol.asyncDispose]();
  }
}

function sorted(pairs: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
}
