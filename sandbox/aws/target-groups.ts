import { attributeHandlers } from "./attributes.ts";
import { AwsError, type Call, type Handler, list, maybe, page, tagsIn, text, texts } from "./call.ts";
import { isLetIn } from "./security-groups.ts";
import type { HealthCheck, Target, TargetGroup } from "./state.ts";
import type { Input, Value } from "./wire.ts";

const maxTargets = 1000;
const maxCrossZoneTargets = 500;

export const targetGroupHandlers: Readonly<Record<string, Handler>> = {
  CreateTargetGroup: create,
  DescribeTargetGroups: describe,
  ModifyTargetGroup: modify,
  DeleteTargetGroup: remove,
  RegisterTargets: register,
  DeregisterTargets: deregister,
  DescribeTargetHealth: describeHealth,
  ...attributeHandlers("TargetGroup", ({ state }, arn) => state.targetGroups.get(arn)),
};

function targetGroup({ state }: Call, arn: string): TargetGroup {
  const found = state.targetGroups.get(arn);
  if (found === undefined) throw new AwsError("TargetGroupNotFound", `Target group '${arn}' not found`);
  return found;
}

function create(call: Call): Value {
  const { state, input, isOn } = call;
  const [name, protocol] = [text(input, "Name"), text(input, "Protocol")];
  const tags = tagsIn(input, "Tags");
  const { Tags: _tags, ...rest } = input;
  const wish = JSON.stringify(rest);
  const known = [...state.targetGroups.values()].find((one) => one.name === name);
  if (known !== undefined && known.wish === wish && isOn("same-again-is-the-same"))
    return { TargetGroups: [shown(call, known)] };
  if (known !== undefined && isOn("name-taken"))
    throw new AwsError(
      "DuplicateTargetGroupName",
      `A target group with the same name '${name}' exists, but with different settings`,
    );
  const made: TargetGroup = {
    arn: state.arn("targetgroup", name),
    name,
    protocol,
    port: Number(text(input, "Port")),
    vpcId: text(input, "VpcId"),
    wish,
    check: checkIn(input, undefined),
    attributes: new Map(Object.entries(attributesOf(protocol))),
    tags,
    targets: new Map(),
  };
  state.targetGroups.set(made.arn, made);
  return { TargetGroups: [shown(call, made)] };
}

function attributesOf(protocol: string): Record<string, string> {
  const isDatagram = protocol === "UDP" || protocol === "TCP_UDP";
  return {
    "deregistration_delay.connection_termination.enabled": String(isDatagram),
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "preserve_client_ip.enabled": "true",
    "proxy_protocol_v2.enabled": "false",
    "stickiness.enabled": "false",
    "stickiness.type": "source_ip",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
    ...(!isDatagram && {
      "target_health_state.unhealthy.connection_termination.enabled": "true",
      "target_health_state.unhealthy.draining_interval_seconds": "0",
    }),
  };
}

function checkIn(input: Input, before: HealthCheck | undefined): HealthCheck {
  const number = (name: string, known: number | undefined): number => Number(maybe(input, name) ?? known ?? 10);
  const { HttpCode: codes } = (input["Matcher"] ?? {}) as { readonly HttpCode?: string };
  return {
    protocol: maybe(input, "HealthCheckProtocol") ?? before?.protocol ?? "TCP",
    port: maybe(input, "HealthCheckPort") ?? before?.port ?? "traffic-port",
    path: maybe(input, "HealthCheckPath") ?? before?.path ?? "/",
    codes: codes ?? before?.codes ?? "200-399",
    interval: number("HealthCheckIntervalSeconds", before?.interval),
    timeout: number("HealthCheckTimeoutSeconds", before?.timeout),
    healthy: number("HealthyThresholdCount", before?.healthy),
    unhealthy: number("UnhealthyThresholdCount", before?.unhealthy),
  };
}

function describe(call: Call): Value {
  const { state, input, isOn } = call;
  const [arns, names] = [texts(input, "TargetGroupArns"), texts(input, "Names")];
  if (arns.length === 0 && names.length === 0)
    throw new AwsError("AccessDenied", "the account is not ours to list", 403);
  if (isOn("batch-of-20") && arns.length > 20) throw new AwsError("ValidationError", "more than 20 ARNs");
  const found = [...state.targetGroups.values()].filter(({ arn, name }) => arns.includes(arn) || names.includes(name));
  if (isOn("batch-fails-whole") && found.length < arns.length + names.length)
    throw new AwsError("TargetGroupNotFound", "One or more target groups not found");
  const [items, NextMarker] = page(call, found, "Marker");
  return { TargetGroups: items.map((one) => shown(call, one)), NextMarker };
}

function shown({ state }: Call, { arn, name, protocol, port, vpcId, check }: TargetGroup): Value {
  return {
    TargetGroupArn: arn,
    TargetGroupName: name,
    Protocol: protocol,
    Port: port,
    VpcId: vpcId,
    TargetType: "instance",
    HealthCheckEnabled: true,
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: check.port,
    ...(check.protocol !== "TCP" && { HealthCheckPath: check.path, Matcher: { HttpCode: check.codes } }),
    HealthCheckIntervalSeconds: check.interval,
    HealthCheckTimeoutSeconds: check.timeout,
    HealthyThresholdCount: check.healthy,
    UnhealthyThresholdCount: check.unhealthy,
    LoadBalancerArns: state.usersOf(arn),
  };
}

function modify(call: Call): Value {
  const one = targetGroup(call, text(call.input, "TargetGroupArn"));
  if (call.input["HealthCheckProtocol"] !== undefined)
    throw new AwsError("InvalidConfigurationRequest", "You cannot change the health check protocol");
  one.check = checkIn(call.input, one.check);
  return { TargetGroups: [shown(call, one)] };
}

function remove(call: Call): Value {
  const { state, input, isOn } = call;
  const one = state.targetGroups.get(text(input, "TargetGroupArn"));
  if (one === undefined) return {};
  if (isOn("group-in-use") && state.usersOf(one.arn).length > 0)
    throw new AwsError("ResourceInUse", `Target group '${one.arn}' is currently in use by a listener or a rule`);
  state.targetGroups.delete(one.arn);
  return {};
}

function targetsIn(one: TargetGroup, { input, isOn }: Call): readonly (readonly [string, Target])[] {
  return list(input, "Targets").map((target) => {
    const [id, port] = [text(target, "Id"), Number(maybe(target, "Port") ?? one.port)];
    const key = isOn("targets-by-port") ? `${id}:${port}` : id;
    return [key, { id, port, checkedSince: undefined, drainingSince: undefined }];
  });
}

function register(call: Call): Value {
  const { state, input, isOn } = call;
  const one = targetGroup(call, text(input, "TargetGroupArn"));
  const wanted = targetsIn(one, call);
  const isGood = ([, { id }]: (typeof wanted)[number]): boolean => {
    const instance = state.instances.get(id);
    return instance?.state === "running" && instance.vpcId === one.vpcId;
  };
  const bad = wanted.find((entry) => !isGood(entry));
  if (bad !== undefined && isOn("bad-target-spoils-batch"))
    throw new AwsError("InvalidTarget", `The following targets are not in a running state: '${bad[1].id}'`);
  const before = new Map(one.targets);
  for (const [key, target] of wanted.filter(isGood))
    if (one.targets.get(key)?.drainingSince !== undefined || !one.targets.has(key)) one.targets.set(key, target);
  try {
    if (one.targets.size > maxTargets) throw new AwsError("TooManyTargets", "more than 1000 targets");
    for (const user of state.usersOf(one.arn)) checkCrossZone(call, user);
  } catch (error) {
    one.targets.clear();
    for (const [key, target] of before) one.targets.set(key, target);
    throw error;
  }
  startChecks(call);
  return {};
}

/** With it each zone sends to the targets of all. */
export function checkCrossZone({ state, isOn }: Call, loadBalancer: string): void {
  const one = state.loadBalancers.get(loadBalancer);
  if (!isOn("500-cross-zone") || one?.attributes.get("load_balancing.cross_zone.enabled") !== "true") return;
  const groups = new Set(state.listenersOf(loadBalancer).flatMap(({ forward }) => forward.map(({ group }) => group)));
  const count = [...groups].reduce((sum, arn) => sum + (state.targetGroups.get(arn)?.targets.size ?? 0), 0);
  if (count > maxCrossZoneTargets)
    throw new AwsError("TooManyTargets", `${count} targets with cross-zone load balancing`);
}

function deregister(call: Call): Value {
  const { state, input, isOn } = call;
  const one = targetGroup(call, text(input, "TargetGroupArn"));
  const isUsed = state.usersOf(one.arn).length > 0;
  for (const [key] of targetsIn(one, call)) {
    const target = one.targets.get(key);
    if (target === undefined) continue;
    if (isOn("draining") && isUsed) target.drainingSince ??= state.now;
    else one.targets.delete(key);
  }
  return {};
}

/** Targets are checked from when a listener sends to their group. */
export function startChecks({ state, isOn }: Call): void {
  for (const group of state.targetGroups.values()) {
    const isUsed = !isOn("unused-unchecked") || state.usersOf(group.arn).length > 0;
    for (const target of group.targets.values())
      target.checkedSince = isUsed ? (target.checkedSince ?? state.now) : undefined;
  }
}

async function describeHealth(call: Call): Promise<Value> {
  const one = targetGroup(call, text(call.input, "TargetGroupArn"));
  const found = await healthOf(call, one);
  return {
    TargetHealthDescriptions: found.map(({ target, state, reason }) => ({
      Target: { Id: target.id, Port: target.port },
      HealthCheckPort: one.check.port,
      TargetHealth: { State: state, Reason: reason },
    })),
  };
}

interface TargetHealth {
  readonly target: Target;
  readonly state: "initial" | "healthy" | "unhealthy" | "unused" | "draining";
  readonly reason?: string;
}

/** How each of its targets is; those that are drained go. */
export async function healthOf(call: Call, group: TargetGroup): Promise<readonly TargetHealth[]> {
  startChecks(call);
  const { state } = call;
  const delayMs = Number(group.attributes.get("deregistration_delay.timeout_seconds")) * 1000;
  for (const [key, { drainingSince }] of group.targets)
    if (drainingSince !== undefined && state.now - drainingSince >= delayMs) group.targets.delete(key);
  return await Promise.all([...group.targets.values()].map((target) => targetHealth(call, group, target)));
}

async function targetHealth(call: Call, group: TargetGroup, target: Target): Promise<TargetHealth> {
  const { state, probe } = call;
  const { check } = group;
  const { id, checkedSince, drainingSince } = target;
  if (drainingSince !== undefined) return { target, state: "draining", reason: "Target.DeregistrationInProgress" };
  if (checkedSince === undefined) return { target, state: "unused", reason: "Target.NotInUse" };
  if (state.now - checkedSince < check.interval * check.healthy * 1000)
    return { target, state: "initial", reason: "Elb.RegistrationInProgress" };
  const port = check.port === "traffic-port" ? target.port : Number(check.port);
  const users = state.usersOf(group.arn).flatMap((arn) => state.loadBalancers.get(arn) ?? []);
  const isHealthy = users.some((user) => isLetIn(state, id, user, "tcp", port)) && (await probe(id, port, check));
  return isHealthy ? { target, state: "healthy" } : { target, state: "unhealthy", reason: "Target.FailedHealthChecks" };
}
