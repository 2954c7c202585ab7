import type { Call } from "../call.ts";
import { hostnameOf, isActive } from "../load-balancers.ts";
import type { Listener, LoadBalancer } from "../state.ts";
import { isLetIn, sourcesAt } from "./admission.ts";
import { healthOf } from "./health.ts";

/** What a load balancer does with what arrives at one of its ports, in one of its zones. */
export interface Path {
  readonly hostname: string;
  readonly zone: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** From where it takes anything, as prefixes. */
  readonly sources: readonly string[];
  readonly targets: readonly { readonly instance: string; readonly port: number }[];
}

/** Those of all load balancers that are set up, where somebody is let in and there is somebody to send to. */
export async function pathsOf(call: Call): Promise<readonly Path[]> {
  const { state } = call;
  const all = [...state.listeners.values()].flatMap((listener) => {
    const owner = state.loadBalancers.get(listener.loadBalancer);
    if (owner === undefined || !isActive(state, owner)) return [];
    const zones = owner.subnets.map((id) => state.subnets.get(id)?.zone ?? "");
    return zones.flatMap((zone) =>
      protocolsOf(listener).map((protocol) => pathOf(call, owner, listener, zone, protocol)),
    );
  });
  return (await Promise.all(all)).filter(({ sources, targets }) => sources.length > 0 && targets.length > 0);
}

function protocolsOf({ protocol }: Listener): readonly Path["protocol"][] {
  if (protocol === "TCP_UDP") return ["tcp", "udp"];
  return [protocol === "UDP" ? "udp" : "tcp"];
}

async function pathOf(
  call: Call,
  owner: LoadBalancer,
  { port, forward }: Listener,
  zone: string,
  protocol: Path["protocol"],
): Promise<Path> {
  const { state } = call;
  const isEverywhere = owner.attributes.get("load_balancing.cross_zone.enabled") === "true";
  const groups = forward.filter(({ weight }) => weight > 0).flatMap(({ group }) => state.targetGroups.get(group) ?? []);
  const health = (await Promise.all(groups.map((group) => healthOf(call, group)))).flat();
  const here = health.filter(({ target, state: is }) => {
    const instance = state.instances.get(target.id);
    return is !== "draining" && instance !== undefined && (isEverywhere || instance.zone === zone);
  });
  const healthy = here.filter(({ state: is }) => is === "healthy");
  // Where none is healthy anywhere, all get it.
  const chosen = health.some(({ state: is }) => is === "healthy") ? healthy : here;
  const targets = chosen
    .filter(({ target }) => isLetIn(state, target.id, owner, protocol, target.port))
    .map(({ target }) => ({ instance: target.id, port: target.port }));
  return {
    hostname: hostnameOf(owner),
    zone,
    protocol,
    port,
    sources: sourcesAt(state, owner, protocol, port),
    targets,
  };
}
