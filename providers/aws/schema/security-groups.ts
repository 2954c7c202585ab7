import { annotations, sourceRangesAnnotation } from "../../../src/api/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { formatCidr } from "../../../src/net/index.ts";
import { keys } from "./keys.ts";
import { bool, form, listOf, onOff } from "./kinds.ts";
import type { Reader } from "./reader.ts";
import type { IpAddressType, SecurityGroups } from "./spec.ts";

/** AWS' limit for one network interface, less the one of the cluster's. */
const maxGroups = 4;

const groups = listOf(form(/^\S[^,]{0,254}$/, "IDs or names of security groups"), maxGroups);
const prefixLists = listOf(form(/^pl-[0-9a-f]{8,17}$/, "IDs of prefix lists, such as pl-0123456789abcdef0"));

/** Who may connect, and through which security groups. */
export function readSecurityGroups(
  lb: DesiredLoadBalancer,
  reader: Reader,
  ipAddressType: IpAddressType,
): SecurityGroups {
  const isNone = reader.read(keys.withoutSecurityGroup, bool) === true;
  const ignored = reader.read(annotations.sourceRangesIgnored, bool) ?? false;
  const given = reader.read(keys.securityGroups, groups);
  const lists = reader.read(keys.prefixLists, prefixLists) ?? [];
  const opensNodes = reader.read(keys.manageBackendRules, bool);
  const privateLink = reader.read(keys.privateLink, onOff);
  const pathMtu = reader.read(keys.pathMtu, onOff) ?? false;
  if (isNone) {
    const others = [keys.securityGroups, keys.prefixLists, keys.manageBackendRules, keys.privateLink, keys.pathMtu];
    for (const key of others)
      if (reader.has(key))
        reader.refuse(key, `there is no security group, by ${keys.withoutSecurityGroup}; remove one`);
    if (!ignored) checkRanges(lb, reader, "there is no security group that could keep others out");
    return { kind: "none" };
  }
  if (reader.has(keys.securityGroups)) {
    for (const key of [keys.prefixLists, keys.pathMtu])
      if (reader.has(key)) reader.refuse(key, `who may connect is up to ${keys.securityGroups}; remove one of the two`);
    if (!ignored) checkRanges(lb, reader, `who may connect is up to ${keys.securityGroups}`);
    return { kind: "given", groups: given ?? [], opensNodes: opensNodes ?? false, privateLink };
  }
  const sources = sourcesOf(lb, reader, ipAddressType, lists.length > 0);
  return { kind: "managed", sources, prefixLists: lists, pathMtu, opensNodes: opensNodes ?? true, privateLink };
}

function sourcesOf(
  { sourceRanges }: DesiredLoadBalancer,
  reader: Reader,
  ipAddressType: IpAddressType,
  hasLists: boolean,
): readonly string[] {
  const isDual = ipAddressType === "dualstack";
  if (sourceRanges.length === 0) return hasLists ? [] : isDual ? ["0.0.0.0/0", "::/0"] : ["0.0.0.0/0"];
  const foreign = sourceRanges.filter(({ base }) => base.family === "IPv6" && !isDual);
  if (foreign.length > 0) {
    const message = `${foreign.map(formatCidr).join(", ")}: the load balancer has no IPv6; set ${keys.ipAddressType} to dualstack, or remove it`;
    reader.add({ path: "spec.loadBalancerSourceRanges", severity: "refuse", reason: "InvalidSourceRanges", message });
  }
  return [...new Set(sourceRanges.map(formatCidr))].sort();
}

/** A filter that filters nothing must not pass unseen. */
function checkRanges({ sourceRanges }: DesiredLoadBalancer, reader: Reader, why: string): void {
  if (sourceRanges.length === 0) return;
  const message = `${why}; remove the ranges (and ${sourceRangesAnnotation}), or set ${annotations.sourceRangesIgnored} to "true"`;
  reader.add({
    path: "spec.loadBalancerSourceRanges",
    severity: "refuse",
    reason: "SourceRangesNotSupported",
    message,
  });
}
