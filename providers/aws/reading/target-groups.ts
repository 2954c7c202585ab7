import type { TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Aws } from "../aws.ts";
import type { GroupHealth, MemberGroup, ObservedTarget, ObservedTargetGroup, Target } from "../observation.ts";
import { inBatches } from "../pages.ts";
import type { HealthCheckSpec, ListenerProtocol } from "../schema/index.ts";
import { oneLookMs } from "./last-look.ts";
import { attributesOf, type Details } from "./load-balancers.ts";
import { inTurn, present } from "./owned.ts";
import type { Recent } from "./recent.ts";

/** How old what is shown of targets may be. */
const maxHealthAge = { live: oneLookMs, recent: oneLookMs, seldom: 60_000 } as const;

/** Those that are there still. */
export async function describeTargetGroups(
  aws: Aws,
  arns: readonly string[],
  recent: Recent,
  signal: AbortSignal,
): Promise<readonly TargetGroup[]> {
  const describe = async (some: readonly string[]): Promise<readonly TargetGroup[]> =>
    (await aws.read("DescribeTargetGroups", { TargetGroupArns: [...some] }, signal)).TargetGroups ?? [];
  return (await inTurn(inBatches(arns), (batch) => present(batch, describe, recent))).flat();
}

/** `withHealth`: it is to come or to go, which depends on its targets. */
export async function observeTargetGroup(
  found: TargetGroup,
  withHealth: boolean,
  details: Details,
): Promise<ObservedTargetGroup> {
  const { TargetGroupArn: arn = "" } = found;
  return {
    arn,
    name: found.TargetGroupName ?? "",
    protocol: (found.Protocol ?? "TCP") as ListenerProtocol,
    vpcId: found.VpcId ?? "",
    healthCheck: healthCheckOf(found),
    attributes: await attributesOf("DescribeTargetGroupAttributes", "TargetGroupArn", arn, details),
    tags: details.tags.get(arn) ?? {},
    health: withHealth ? healthOf(await targetsOf(arn, details)) : undefined,
  };
}

/** With all that is registered. */
export async function observeMembers(found: TargetGroup, details: Details): Promise<Omit<MemberGroup, "refused">> {
  const { TargetGroupArn: arn = "", TargetGroupName: name = "", LoadBalancerArns: users = [] } = found;
  const targets = await targetsOf(arn, details);
  return { arn, name, tags: details.tags.get(arn) ?? {}, isUsed: users.length > 0, targets };
}

async function targetsOf(arn: string, { aws, objects, look, signal }: Details): Promise<readonly ObservedTarget[]> {
  const read = (): Promise<readonly ObservedTarget[]> => readTargets(aws, arn, signal);
  return (await objects.get(healthKey(arn), look, maxHealthAge, read)) ?? (await objects.must(healthKey(arn), read));
}

/** What its health is known by. */
export function healthKey(arn: string): string {
  return `${arn} health`;
}

/** All that is registered, as AWS sees it now. */
export async function readTargets(aws: Aws, arn: string, signal: AbortSignal): Promise<readonly ObservedTarget[]> {
  const input = { TargetGroupArn: arn };
  const { TargetHealthDescriptions: all = [] } = await aws.read("DescribeTargetHealth", input, signal);
  return all.map(({ Target, TargetHealth }) => ({
    id: Target?.Id ?? "",
    port: Target?.Port ?? 0,
    state: stateOf(TargetHealth?.State),
    reason: TargetHealth?.Reason ?? "",
  }));
}

/** The same targets, with some of them in another state, or added in it. */
export function withState(
  seen: readonly ObservedTarget[],
  changed: readonly Target[],
  state: ObservedTarget["state"],
): readonly ObservedTarget[] {
  const keys = new Set(changed.map(targetKey));
  return [
    ...seen.filter((one) => !keys.has(targetKey(one))),
    ...changed.map(({ id, port }) => ({ id, port, state, reason: "" })),
  ];
}

function targetKey({ id, port }: Target): string {
  return `${id}:${port}`;
}

const states = ["initial", "healthy", "unhealthy", "unused", "draining"] as const;

/** Words that AWS has for other kinds of load balancers mean that it is not healthy. */
function stateOf(word: string | undefined): ObservedTarget["state"] {
  if (word === "unhealthy.draining") return "draining";
  return states.find((state) => state === word) ?? "unavailable";
}

function healthOf(targets: readonly ObservedTarget[]): GroupHealth {
  const draining = targets.filter(({ state }) => state === "draining").length;
  const healthy = targets.filter(({ state }) => state === "healthy").length;
  return { registered: targets.length - draining, healthy, draining };
}

function healthCheckOf(found: TargetGroup): HealthCheckSpec {
  const protocol = (found.HealthCheckProtocol ?? "TCP") as HealthCheckSpec["protocol"];
  const { HealthCheckPort: port = "traffic-port" } = found;
  return {
    protocol,
    port: port === "traffic-port" ? port : Number(port),
    http:
      protocol === "TCP"
        ? undefined
        : { path: found.HealthCheckPath ?? "/", codes: found.Matcher?.HttpCode ?? "200-399" },
    intervalSeconds: found.HealthCheckIntervalSeconds ?? 0,
    timeoutSeconds: found.HealthCheckTimeoutSeconds ?? 0,
    healthyThreshold: found.HealthyThresholdCount ?? 0,
    unhealthyThreshold: found.UnhealthyThresholdCount ?? 0,
  };
}
