import { type Call, refuse } from "./call.ts";
import type { Listener, LoadBalancer, TargetGroup } from "./state.ts";

/** Of a load balancer: in all, if its zones send to the targets of all; else in each of them. */
const maxTargets = 500;

/** Refuses what would give a load balancer more targets than it may have; `changed`: one of them as it is to be. */
export function refuseCrowd(
  call: Call,
  owner: LoadBalancer,
  listeners: readonly Pick<Listener, "forward">[],
  changed?: TargetGroup,
): void {
  const { targetGroups, instances } = call.state;
  const arns = new Set(listeners.flatMap(({ forward }) => forward.map(({ group }) => group)));
  const groups = [...arns].flatMap((arn) => (arn === changed?.arn ? changed : (targetGroups.get(arn) ?? [])));
  const targets = groups.flatMap((group) => [...group.targets.values()]);
  const zones = Map.groupBy(targets, ({ id }) => instances.get(id)?.zone).values();
  const isCrossZone = owner.attributes.get("load_balancing.cross_zone.enabled") === "true";
  const [inAll, inZone] = [targets.length, Math.max(0, ...zones.map(({ length }) => length))];
  refuse(call, "500-cross-zone", isCrossZone && inAll > maxTargets, `${inAll} targets for all zones`);
  refuse(call, "500-in-zone", !isCrossZone && inZone > maxTargets, `${inZone} targets in a zone`);
}
