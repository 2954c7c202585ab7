import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { attributeHandlers, defaultAttributes, defaultCheck } from "./attributes.ts";
import { type Call, creation, described, type Given, get, type Handler, refuse } from "./call.ts";
import { healthOf, startChecks } from "./fabric/health.ts";
import { refuseCrowd } from "./quotas.ts";
import type { HealthCheck, Target, TargetGroup } from "./state.ts";
import { tagsIn } from "./tags.ts";

const maxTargets = 1000;

export const targetGroupHandlers: Readonly<Record<string, Handler>> = {
  CreateTargetGroup: create,
  DescribeTargetGroups(call, { TargetGroupArns: arns, Names, ...paging }: Given<elb.DescribeTargetGroupsInput>) {
    const [items, NextMarker] = described(call, "targetGroups", arns, Names, paging);
    return { TargetGroups: items.map((one) => shown(call, one)), NextMarker };
  },
  ModifyTargetGroup(call, { TargetGroupArn, ...changes }: Given<elb.ModifyTargetGroupInput>) {
    const one = get(call, "targetGroups", TargetGroupArn);
    refuse(call, "check-for-ever", changes.HealthCheckProtocol !== undefined, "the protocol stays as it is");
    one.check = checkOf(one.check, changes);
    return { TargetGroups: [shown(call, one)] };
  },
  DeleteTargetGroup(call, { TargetGroupArn }: Given<elb.DeleteTargetGroupInput>) {
    const isUsed = call.state.usersOf(TargetGroupArn).length > 0;
    refuse(call, "group-in-use", isUsed, `Target group '${TargetGroupArn}' is in use by a listener`);
    call.state.targetGroups.delete(TargetGroupArn);
    return {};
  },
  RegisterTargets: register,
  DeregisterTargets: deregister,
  async DescribeTargetHealth(call, { TargetGroupArn }: Given<elb.DescribeTargetHealthInput>) {
    const one = get(call, "targetGroups", TargetGroupArn);
    const found = await healthOf(call, one);
    const { HealthCheckPort } = one.check;
    const TargetHealthDescriptions = found.map(({ target: { id, port }, state: State, reason: Reason }) => {
      return { Target: { Id: id, Port: port }, HealthCheckPort, TargetHealth: { State, Reason } };
    });
    return { TargetHealthDescriptions };
  },
  ...attributeHandlers("TargetGroup"),
};

function create(call: Call, input: Given<elb.CreateTargetGroupInput>): object {
  const { state } = call;
  const { Name: name, Protocol: protocol = "TCP", Port: port = 0, VpcId = "" } = input;
  const { known, wish } = creation(call, "targetGroups", input);
  if (known !== undefined) return { TargetGroups: [shown(call, known)] };
  const made: TargetGroup = {
    arn: state.arn("targetgroup", name),
    name,
    protocol,
    port,
    vpcId: VpcId,
    wish,
    check: checkOf(defaultCheck, input),
    attributes: defaultAttributes("TargetGroup", protocol),
    tags: tagsIn(input.Tags),
    targets: new Map(),
  };
  state.targetGroups.set(made.arn, made);
  return { TargetGroups: [shown(call, made)] };
}

/** Probes over TCP have no path. */
function checkOf(before: HealthCheck, changes: object): HealthCheck {
  const known = Object.entries(changes).filter(([key]) => Object.hasOwn(defaultCheck, key));
  const check = { ...before, ...Object.fromEntries(known) };
  if (check.HealthCheckProtocol !== "TCP") return check;
  const { HealthCheckPath: _path, Matcher: _matcher, ...rest } = check;
  return rest;
}

function shown({ state }: Call, { arn, name, protocol, port, vpcId, check }: TargetGroup): object {
  return {
    TargetGroupArn: arn,
    TargetGroupName: name,
    Protocol: protocol,
    Port: port,
    VpcId: vpcId,
    TargetType: "instance",
    HealthCheckEnabled: true,
    ...check,
    LoadBalancerArns: state.usersOf(arn),
  };
}

/** Those that a request names, by what they are known as. */
function targetsIn(
  { isOn }: Call,
  { port }: TargetGroup,
  { Targets }: Given<Pick<elb.RegisterTargetsInput, "Targets">>,
): readonly (readonly [key: string, Target])[] {
  return Targets.map(({ Id: id, Port: own = port }) => [
    isOn("targets-by-port") ? `${id}:${own}` : id,
    { id, port: own, checkedSince: undefined, drainingSince: undefined },
  ]);
}

function register(call: Call, input: Given<elb.RegisterTargetsInput>): object {
  const { state } = call;
  const one = get(call, "targetGroups", input.TargetGroupArn);
  const canServe = ([, { id }]: readonly [string, Target]): boolean => {
    const instance = state.instances.get(id);
    return instance?.state === "running" && instance.vpcId === one.vpcId;
  };
  const wanted = targetsIn(call, one, input);
  const bad = wanted.flatMap((entry) => (canServe(entry) ? [] : [entry[1].id]));
  refuse(call, "bad-target-spoils-batch", bad.length > 0, `not in a running state: '${bad.join()}'`);
  const isThere = (key: string): boolean => one.targets.has(key) && one.targets.get(key)?.drainingSince === undefined;
  const added = wanted.filter((entry) => canServe(entry) && !isThere(entry[0]));
  const targets = new Map([...one.targets, ...added]);
  const isFull = targets.size > maxTargets;
  refuse(call, "1000-targets", isFull, `more than ${maxTargets} targets in a target group`);
  for (const arn of state.usersOf(one.arn))
    refuseCrowd(call, get(call, "loadBalancers", arn), state.listenersOf(arn), { ...one, targets });
  for (const [key, target] of added) one.targets.set(key, target);
  startChecks(call);
  return {};
}

function deregister(call: Call, input: Given<elb.DeregisterTargetsInput>): object {
  const { state, isOn } = call;
  const one = get(call, "targetGroups", input.TargetGroupArn);
  const isUsed = state.usersOf(one.arn).length > 0;
  for (const [key] of targetsIn(call, one, input)) {
    const target = one.targets.get(key);
    if (target !== undefined && isUsed && isOn("draining")) target.drainingSince ??= state.now;
    else one.targets.delete(key);
  }
  return {};
}
