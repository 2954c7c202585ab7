import { type Cidr, type Family, formatCidr } from "../../../src/net/index.ts";
import { networkLink } from "../links.ts";
import { type FirewallUse, firewallName } from "../names.ts";
import type { Firewall, FirewallTraffic } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { firewallTraffic } from "./ports.ts";
import type { Wish } from "./wish.ts";

/** What lets traffic in comes before what keeps the rest out, whatever happens in between. */
const allowPriority = 999;
const denyPriority = 1000;

const everybody: Readonly<Record<Family, string>> = { IPv4: "0.0.0.0/0", IPv6: "::/0" };

/** The firewall rules of one load balancer at one address. */
export function firewalls(wish: Wish, family: Family, destination: string): readonly Firewall[] {
  const { lb, settings, isInternal } = wish;
  if (settings.disableFirewalls) return [];
  const sources = sourceRanges(wish, family);
  const make = (use: FirewallUse, fields: Variable): Firewall =>
    firewall(wish, firewallName(wish.base, use, family), { ...fields, destinationRanges: [destination] });
  const health = [{ IPProtocol: "tcp", ports: [`${lb.healthCheck.port}`] }] as const;
  return [
    ...(sources.length > 0 ? [make("allow", { sourceRanges: sources, allowed: firewallTraffic(lb) })] : []),
    ...(lb.externalTrafficPolicy === "Local"
      ? [make("health", { sourceRanges: ofFamily(settings.probeRanges, family), allowed: health })]
      : []),
    // Inside a network nothing is let in that no rule lets in; from outside a rule for something else may be wider.
    ...(isInternal ? [] : [make("deny", { sourceRanges: [everybody[family]], denied: [{ IPProtocol: "all" }] })]),
  ];
}

/** What lets the probes in that all load balancers of policy Cluster share: of none in particular, so of any address. */
export function firewallForProbes(
  owner: Pick<Wish, "base" | "description" | "settings">,
  family: Family,
  port: number,
): Firewall {
  return firewall(owner, firewallName(owner.base, "health", family), {
    sourceRanges: ofFamily(owner.settings.probeRanges, family),
    destinationRanges: [],
    allowed: [{ IPProtocol: "tcp", ports: [`${port}`] }],
  });
}

interface Variable {
  readonly sourceRanges: readonly string[];
  readonly destinationRanges?: readonly string[];
  readonly allowed?: readonly FirewallTraffic[];
  readonly denied?: readonly FirewallTraffic[];
}

function firewall(
  { description, settings }: { readonly description: string; readonly settings: Settings },
  name: string,
  { sourceRanges, destinationRanges = [], allowed = [], denied = [] }: Variable,
): Firewall {
  const { otherProject: project } = settings;
  return {
    kind: "firewall",
    ...(project !== undefined && { project }),
    name,
    description,
    network: networkLink(settings),
    direction: "INGRESS",
    priority: denied.length > 0 ? denyPriority : allowPriority,
    disabled: false,
    sourceRanges,
    destinationRanges,
    targetTags: settings.nodeTags.toSorted(),
    allowed,
    denied,
  };
}

/** A family without a range is closed as soon as the other one has some. */
function sourceRanges({ lb, settings, isInternal }: Wish, family: Family): readonly string[] {
  if (lb.sourceRanges.length > 0) return ofFamily(lb.sourceRanges, family);
  return isInternal ? ofFamily(settings.internalRanges, family) : [everybody[family]];
}

function ofFamily(ranges: readonly Cidr[], family: Family): readonly string[] {
  const own = ranges.filter(({ base }) => base.family === family).map(formatCidr);
  return [...new Set(own)].sort();
}
