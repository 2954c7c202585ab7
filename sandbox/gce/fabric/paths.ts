import { type Body, bare, collectionOf, groupsOf, pathOf } from "../body.ts";
import type { World } from "../world.ts";
import { healthOf, type Probe } from "./health.ts";

/** Each address that rules lead to, with the machines that get what is sent there: of its groups those that are healthy. */
export async function pathsOf(world: World, probe: Probe): Promise<ReadonlyMap<string, readonly string[]>> {
  const rules = [...world.resources].filter(([path]) => collectionOf(path) === "forwardingRules");
  const found = rules.map(async ([, rule]) => {
    const service = pathOf(rule["backendService"]);
    const groups = groupsOf(world.resources.get(service) ?? {});
    const health = await Promise.all(groups.map((group) => healthOf(world, service, group, probe)));
    const vip = bare(rule["IPAddress"]);
    const states = health.flatMap(({ healthStatus }) => healthStatus as readonly Body[]);
    const here = states.filter(({ forwardingRuleIp }) => forwardingRuleIp === vip);
    const healthy = here.filter(({ healthState }) => healthState === "HEALTHY");
    // Where none is healthy, all get it.
    const chosen = healthy.length > 0 ? healthy : here;
    return [vip, chosen.map(({ instance }) => String(instance).split("/").at(-1) ?? "")] as const;
  });
  return new Map(await Promise.all(found));
}
