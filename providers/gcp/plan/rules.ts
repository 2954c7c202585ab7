import type { Family } from "../../../src/net/index.ts";
import { linkOf, networkLink } from "../links.ts";
import { ruleName } from "../names.ts";
import type { ForwardingRule } from "../resources.ts";
import { loadBalancingScheme } from "./backend.ts";
import { rulePorts } from "./ports.ts";
import type { Wish } from "./wish.ts";

/** The forwarding rules of one load balancer at one address. */
export function forwardingRules(wish: Wish, family: Family, ip: string): readonly ForwardingRule[] {
  const { lb, options, settings, base, description, isInternal, subnetwork, tier } = wish;
  const isV6 = family === "IPv6";
  const place = isInternal
    ? { network: networkLink(settings), subnetwork, allowGlobalAccess: options.globalAccess }
    : { networkTier: tier, ...(isV6 && { subnetwork }) };
  return rulePorts(lb, isInternal).map(({ protocol, ports }) => ({
    kind: "forwardingRule",
    name: ruleName(base, protocol, family),
    description,
    IPAddress: destinationOf(family, ip),
    IPProtocol: protocol,
    loadBalancingScheme: loadBalancingScheme(wish),
    backendService: linkOf({ kind: "backendService", name: base }, settings),
    ...ports,
    ...place,
    ...(isV6 && { ipVersion: "IPV6" }),
  }));
}

/** What is sent to the load balancer bears: an IPv6 one has a whole prefix. */
export function destinationOf(family: Family, ip: string): string {
  return family === "IPv6" ? `${ip}/96` : ip;
}
