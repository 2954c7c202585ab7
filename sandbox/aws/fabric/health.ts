import type { Call } from "../call.ts";
import type { Target, TargetGroup } from "../state.ts";
import { isLetIn } from "./admission.ts";

interface TargetHealth {
  readonly target: Target;
  readonly state: "initial" | "healthy" | "unhealthy" | "unused" | "draining";
  readonly reason?: string;
}

/** Targets are checked from when a listener sends to their group. */
export function startChecks({ state, isOn }: Call): void {
  for (const group of state.targetGroups.values()) {
    const isUsed = !isOn("unused-unchecked") || state.usersOf(group.arn).length > 0;
    for (const target of group.targets.values())
      target.checkedSince = isUsed ? (target.checkedSince ?? state.now) : undefined;
  }
}

/** How each of its targets is; those that are drained go. */
export async function healthOf(call: Call, group: TargetGroup): Promise<readonly TargetHealth[]> {
  startChecks(call);
  const { now } = call.state;
  const delayMs = Number(group.attributes.get("deregistration_delay.timeout_seconds")) * 1000;
  for (const [key, { drainingSince }] of group.targets)
    if (drainingSince !== undefined && now - drainingSince >= delayMs) group.targets.delete(key);
  return await Promise.all([...group.targets.values()].map((target) => targetHealth(call, group, target)));
}

/** What is checked is never said to be healthy but by a probe. */
async function targetHealth({ state, probe }: Call, group: TargetGroup, target: Target): Promise<TargetHealth> {
  const { arn, check } = group;
  const { id, checkedSince, drainingSince } = target;
  if (drainingSince !== undefined) return { target, state: "draining", reason: "Target.DeregistrationInProgress" };
  if (checkedSince === undefined) return { target, state: "unused", reason: "Target.NotInUse" };
  if (state.now - checkedSince < check.HealthCheckIntervalSeconds * check.HealthyThresholdCount * 1000)
    return { target, state: "initial", reason: "Elb.RegistrationInProgress" };
  const port = check.HealthCheckPort === "traffic-port" ? target.port : Number(check.HealthCheckPort);
  const users = state.usersOf(arn).flatMap((user) => state.loadBalancers.get(user) ?? []);
  const isHealthy = users.every((user) => isLetIn(state, id, user, "tcp", port)) && (await probe(id, port, check));
  return isHealthy ? { target, state: "healthy" } : { target, state: "unhealthy", reason: "Target.FailedHealthChecks" };
}
