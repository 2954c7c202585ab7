// Who lets in what, by security groups.
import type { Group, LoadBalancer, State } from "../state.ts";

/** From where a load balancer takes what comes to a port, as prefixes; without security groups from everywhere. */
export function sourcesAt({ groups }: State, owner: LoadBalancer, protocol: string, port: number): readonly string[] {
  if (owner.groups.length === 0) return ["0.0.0.0/0", "::/0"];
  return owner.groups.flatMap((id) => admittedBy(groups.get(id), protocol, port)).filter((one) => one.includes("/"));
}

/**
 * Whether an instance lets in what a load balancer sends to a port of it. One without security groups is known by its
 * prefixes, and which these are is not looked at.
 */
export function isLetIn(
  state: State,
  instance: string,
  { groups }: LoadBalancer,
  protocol: string,
  port: number,
): boolean {
  const own = state.instances.get(instance)?.groups ?? [];
  const admitted = own.flatMap((id) => admittedBy(state.groups.get(id), protocol, port));
  return admitted.some((one) => (groups.length > 0 ? groups.includes(one) : one.includes("/")));
}

function admittedBy(group: Group | undefined, protocol: string, port: number): readonly string[] {
  return (group?.rules ?? [])
    .filter((rule) => rule.protocol === protocol && rule.from <= port && port <= rule.to)
    .map(({ source }) => source);
}
