import { cidrContains, parseCidr, parseIp } from "../../../src/net/index.ts";
import { ProviderError } from "../../../src/provider/index.ts";
import type { SubnetMapping } from "../actions.ts";
import type { NetworkFacts, SubnetFact } from "../observation.ts";
import type { NlbSpec } from "../schema/index.ts";

/** AWS wants so many free addresses for a load balancer to grow into. */
const minFree = 8;
const clusterTag = "kubernetes.io/cluster/";

/**
 * Where the load balancer is to be, with its fixed addresses. `kept`: the subnets of one that exists; they stay as long
 * as nobody names others, so that a new tag on a subnet moves nothing. Throws when there is no place for it.
 */
export function subnetMappings(
  spec: NlbSpec,
  network: NetworkFacts,
  kept: readonly string[] | undefined,
): readonly SubnetMapping[] {
  const ids = spec.subnets.length > 0 ? named(spec, network) : (kept ?? discovered(spec, network).map(({ id }) => id));
  const { eipAllocations, privateIpv4, ipv6 } = spec.addresses;
  if (kept === undefined) for (const allocation of eipAllocations) checkFree(allocation, network);
  for (const [what, list] of Object.entries(spec.addresses) as [string, readonly string[]][])
    if (list.length > 0 && list.length !== ids.length && kept === undefined)
      throw blocked(
        "AddressCountMismatch",
        `give as many as there are subnets (${ids.join(", ")})`,
        `${what}: ${list.length}`,
      );
  return ids.map((subnet, i) => ({
    subnet,
    ...(eipAllocations[i] !== undefined && { allocation: eipAllocations[i] }),
    ...(privateIpv4.length > 0 && { privateIpv4: addressIn(subnet, privateIpv4, network) }),
    ...(ipv6.length > 0 && { ipv6: addressIn(subnet, ipv6, network) }),
  }));
}

/** AWS would say so only after everything else is made. */
function checkFree(allocation: string, { addresses }: NetworkFacts): void {
  const found = addresses.find(({ id }) => id === allocation);
  if (found === undefined)
    throw blocked(
      "AddressNotFound",
      "give elastic addresses of this account and region",
      `${allocation} is none of it`,
    );
  if (found.usedBy !== undefined)
    throw blocked("AddressInUse", "give one that is free, or free it", `${found.usedBy} has ${allocation}`);
}

/** Addresses belong to subnets by their prefixes, in whatever order they are given. */
function addressIn(subnet: string, addresses: readonly string[], { subnets }: NetworkFacts): string {
  const { cidrs = [] } = subnets.find(({ id }) => id === subnet) ?? {};
  const found = addresses.find((text) => cidrs.some((cidr) => isIn(text, cidr)));
  if (found !== undefined) return found;
  const seen = `none of ${addresses.join(", ")} is in ${subnet} (${cidrs.join(", ")})`;
  throw blocked("AddressNotInSubnet", "give an address of each subnet", seen);
}

function isIn(text: string, prefix: string): boolean {
  const [ip, cidr] = [parseIp(text), parseCidr(prefix)];
  return ip !== undefined && cidr !== undefined && cidrContains(cidr, ip);
}

/** What a name in an annotation means: an ID, or the `Name` of exactly one. */
function named({ subnets, ipAddressType }: NlbSpec, network: NetworkFacts): readonly string[] {
  const found = subnets.map((word) => {
    const [subnet, ...more] = network.subnets.filter(({ id, tags }) => id === word || tags["Name"] === word);
    if (subnet === undefined)
      throw blocked("SubnetNotFound", `give subnets of ${network.vpcId}, by ID or Name`, `${word} is none of it`);
    if (more.length > 0) throw blocked("SubnetAmbiguous", "give its ID", `several subnets have the name ${word}`);
    return subnet;
  });
  for (const [i, { zone, id, hasIpv6 }] of found.entries()) {
    const other = found.slice(0, i).find((one) => one.zone === zone);
    if (other !== undefined)
      throw blocked("SubnetsInOneZone", "give one for each zone", `${other.id} and ${id} are both in ${zone}`);
    if (ipAddressType === "dualstack" && !hasIpv6) throw blocked("SubnetWithoutIPv6", "give it an IPv6 prefix", id);
  }
  return found.map(({ id }) => id);
}

/** One in each zone, by their tags; where no subnet has such a tag, by their routes. */
function discovered(spec: NlbSpec, { vpcId, subnets }: NetworkFacts): readonly SubnetFact[] {
  const role = spec.scheme === "internal" ? "kubernetes.io/role/internal-elb" : "kubernetes.io/role/elb";
  const tagged = subnets.filter(({ tags }) => tags[role] === "" || tags[role] === "1");
  const candidates =
    tagged.length > 0 ? tagged : subnets.filter(({ isPublic }) => isPublic === (spec.scheme === "internet-facing"));
  const dropped = new Map<string, number>();
  const fit = candidates.filter((subnet) => {
    const why = whyNot(subnet, spec);
    if (why !== undefined) dropped.set(why, (dropped.get(why) ?? 0) + 1);
    return why === undefined;
  });
  const [first] = fit.toSorted(byPreference);
  const chosen = [...Map.groupBy(fit, ({ zone }) => zone).values()]
    .flatMap((inZone) => inZone.toSorted(byPreference).slice(0, 1))
    .filter(({ locale }) => locale === first?.locale)
    .sort((a, b) => (a.zone < b.zone ? -1 : 1));
  if (chosen.length > 0) return chosen;
  const reasons = [...dropped]
    .map(([why, count]) => `, ${count} ${why}`)
    .sort()
    .join("");
  const seen = `${subnets.length} subnets in ${vpcId}, ${tagged.length} with the tag ${role}${reasons}`;
  throw blocked("SubnetsNotFound", `tag one subnet in each zone with ${role}=1`, seen);
}

function whyNot({ freeAddresses, hasIpv6 }: SubnetFact, { ipAddressType }: NlbSpec): string | undefined {
  if (freeAddresses < minFree) return `with fewer than ${minFree} free addresses`;
  return ipAddressType === "dualstack" && !hasIpv6 ? "without IPv6" : undefined;
}

/** Those of a cluster first, then the smallest ID. */
function byPreference(a: SubnetFact, b: SubnetFact): number {
  return Number(isClusters(b)) - Number(isClusters(a)) || (a.id < b.id ? -1 : 1);
}

function isClusters({ tags }: SubnetFact): boolean {
  return Object.keys(tags).some((key) => key.startsWith(clusterTag));
}

function blocked(reason: string, remedy: string, message: string): ProviderError {
  return new ProviderError({ kind: "blocked", reason, remedy }, message);
}
