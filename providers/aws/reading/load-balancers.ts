import type { Listener, LoadBalancer } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Aws } from "../aws.ts";
import type { ObservedListener, ObservedLoadBalancer } from "../observation.ts";
import { allPages, inBatches } from "../pages.ts";
import { type ListenerProtocol, listenerAttributes, type Pairs } from "../schema/index.ts";
import { oneLookMs, unchangedMs } from "./last-look.ts";
import { inTurn, pairsOf, present, type TagsByArn } from "./owned.ts";
import type { Look, PerObject } from "./per-object.ts";
import type { Recent } from "./recent.ts";

const maxAge = { live: oneLookMs, recent: unchangedMs, seldom: 600_000 } as const;

/** Those that are there still. */
export async function describeLoadBalancers(
  aws: Aws,
  arns: readonly string[],
  recent: Recent,
  signal: AbortSignal,
): Promise<readonly LoadBalancer[]> {
  const describe = async (some: readonly string[]): Promise<readonly LoadBalancer[]> =>
    (await aws.read("DescribeLoadBalancers", { LoadBalancerArns: [...some] }, signal)).LoadBalancers ?? [];
  return (await inTurn(inBatches(arns), (batch) => present(batch, describe, recent))).flat();
}

/** All listeners of a load balancer, whoever made them. */
export async function listenersOf(aws: Aws, arn: string, signal: AbortSignal): Promise<readonly Listener[]> {
  return await present([arn], () =>
    allPages(aws, "DescribeListeners", { LoadBalancerArn: arn }, (page) => page.Listeners, signal),
  );
}

/** Listeners by their own ARNs, of many load balancers at once. */
export async function describeListeners(
  aws: Aws,
  arns: readonly string[],
  signal: AbortSignal,
): Promise<readonly Listener[]> {
  const describe = async (some: readonly string[]): Promise<readonly Listener[]> =>
    (await aws.read("DescribeListeners", { ListenerArns: [...some] }, signal)).Listeners ?? [];
  return (await inTurn(inBatches(arns), (batch) => present(batch, describe))).flat();
}

/** What it takes to know a load balancer from its description. */
export interface Details {
  readonly aws: Aws;
  readonly objects: PerObject;
  readonly tags: TagsByArn;
  readonly look: Look;
  readonly signal: AbortSignal;
}

export async function observeLoadBalancer(
  found: LoadBalancer,
  listeners: readonly Listener[],
  details: Details,
): Promise<ObservedLoadBalancer> {
  const { LoadBalancerArn: arn = "", AvailabilityZones: zones = [], SecurityGroups: groups = [] } = found;
  const observed = await inTurn(listeners, (one) => observeListener(one, details));
  return {
    arn,
    name: found.LoadBalancerName ?? "",
    hostname: found.DNSName ?? "",
    scheme: found.Scheme ?? "internal",
    vpcId: found.VpcId ?? "",
    state: found.State?.Code ?? "provisioning",
    stateReason: found.State?.Reason ?? "",
    ipAddressType: found.IpAddressType === "dualstack" ? "dualstack" : "ipv4",
    sourceNat: found.EnablePrefixForIpv6SourceNat === "on",
    subnets: zones.flatMap(({ SubnetId }) => SubnetId ?? []).sort(),
    groups: groups.toSorted(),
    privateLink: groups.length === 0 ? undefined : found.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic !== "off",
    attributes: await attributesOf("DescribeLoadBalancerAttributes", "LoadBalancerArn", arn, details),
    tags: details.tags.get(arn) ?? {},
    listeners: observed.toSorted((a, b) => a.port - b.port),
  };
}

async function observeListener(found: Listener, details: Details): Promise<ObservedListener> {
  const { ListenerArn: arn = "" } = found;
  const protocol = (found.Protocol ?? "TCP") as ListenerProtocol;
  const hasAttributes = Object.keys(listenerAttributes(protocol)).length > 0;
  return {
    arn,
    port: found.Port ?? 0,
    protocol,
    tls: protocol === "TLS" ? await tlsOf(found, details) : undefined,
    targetGroups: targetsOf(found),
    attributes: hasAttributes ? await attributesOf("DescribeListenerAttributes", "ListenerArn", arn, details) : {},
    tags: details.tags.get(arn) ?? {},
  };
}

function targetsOf({ DefaultActions: [action] = [] }: Listener): ObservedListener["targetGroups"] {
  const groups = action?.ForwardConfig?.TargetGroups ?? [];
  if (groups.length === 0)
    return action?.TargetGroupArn === undefined ? [] : [{ targetGroup: action.TargetGroupArn, weight: 1 }];
  return groups.map(({ TargetGroupArn = "", Weight = 1 }) => ({ targetGroup: TargetGroupArn, weight: Weight }));
}

/** The default certificate first. */
async function tlsOf(
  { ListenerArn: arn = "", Certificates: [first] = [], SslPolicy, AlpnPolicy }: Listener,
  { aws, objects, look, signal }: Details,
): Promise<NonNullable<ObservedListener["tls"]>> {
  const key = `${arn} certificates`;
  const read = (): Promise<readonly string[]> =>
    present([arn], async () => {
      const input = { ListenerArn: arn };
      const all = await allPages(aws, "DescribeListenerCertificates", input, (page) => page.Certificates, signal);
      return all.flatMap(({ CertificateArn = "", IsDefault }) => (IsDefault === true ? [] : [CertificateArn])).sort();
    });
  const more = (await objects.get(key, look, maxAge, read)) ?? (await objects.must(key, read));
  const { CertificateArn: standard } = first ?? {};
  const certificates = [...(standard === undefined ? [] : [standard]), ...more.filter((one) => one !== standard)];
  return { certificates, policy: SslPolicy ?? "", alpn: AlpnPolicy?.[0] ?? "None" };
}

/** Undefined: not read this time. */
export async function attributesOf(
  name: "DescribeLoadBalancerAttributes" | "DescribeTargetGroupAttributes" | "DescribeListenerAttributes",
  field: "LoadBalancerArn" | "TargetGroupArn" | "ListenerArn",
  arn: string,
  { aws, objects, look, signal }: Details,
): Promise<Pairs | undefined> {
  return await objects.get(`${arn} attributes`, look, maxAge, async () => {
    const input = { [field]: arn } as { LoadBalancerArn: string; TargetGroupArn: string; ListenerArn: string };
    return pairsOf((await aws.read(name, input, signal)).Attributes);
  });
}
