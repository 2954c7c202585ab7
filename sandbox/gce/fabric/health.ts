import { api, type Body, bare, collectionOf, pathOf, zoneOf } from "../body.ts";
import type { Machine, World } from "../world.ts";

/** Whether a machine answers a probe that is sent to a load balancer's address. */
export type Probe = (machine: Machine, check: Body, vip: string) => boolean | Promise<boolean>;

/** What `getHealth` says: each machine of a group is probed at each address of a backend service, as its check wants it. */
export async function healthOf(world: World, service: string, group: unknown, probe: Probe): Promise<Body> {
  const check = world.get(pathOf((world.get(service)["healthChecks"] as readonly string[])[0]));
  const rules = world.usersOf(service).filter((user) => collectionOf(user) === "forwardingRules");
  const vips = new Set(rules.map((user) => bare(world.resources.get(user)?.["IPAddress"])));
  const path = pathOf(group);
  const zone = `${api}projects/${world.place.project}/zones/${zoneOf(path)}`;
  const states = world.membersOf(path).flatMap((name) =>
    [...vips].map(async (forwardingRuleIp) => {
      const machine = world.machineIn(path, name);
      const isHealthy = machine !== undefined && (await probe(machine, check, forwardingRuleIp));
      const healthState = isHealthy ? "HEALTHY" : "UNHEALTHY";
      return { instance: `${zone}/instances/${name}`, forwardingRuleIp, healthState };
    }),
  );
  return { kind: "compute#backendServiceGroupHealth", healthStatus: await Promise.all(states) };
}
