import { annotations, type Scheme } from "../../../src/api/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { keys } from "./keys.ts";
import { address, bool, choice, form, listOf, onOff } from "./kinds.ts";
import type { Reader } from "./reader.ts";
import type { FixedAddresses, IpAddressType } from "./spec.ts";

const name = form(
  /^(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/,
  "1 to 32 letters, digits and hyphens, no hyphen first or last, not beginning with internal-",
);
const subnets = listOf(form(/^\S[^,]{0,254}$/, "IDs or names of subnets, one for each zone"));
const allocations = listOf(
  form(/^eipalloc-[0-9a-f]{8,17}$/, "IDs of elastic addresses, such as eipalloc-0123456789abcdef0"),
);

/** The name that the user wants; undefined: ours. */
export function readName(reader: Reader): string | undefined {
  return reader.read(keys.name, name);
}

/** Who reaches it: those inside unless somebody says otherwise. */
export function readScheme({ scheme }: DesiredLoadBalancer, reader: Reader): Scheme {
  const byKey = reader.read(keys.scheme, choice("internal", "internet-facing"));
  const isInternal = reader.read(keys.internal, bool);
  const byAlias = isInternal === undefined ? undefined : isInternal ? "internal" : "internet-facing";
  if (byKey !== undefined && byAlias !== undefined && byKey !== byAlias)
    reader.refuse(keys.internal, `${keys.scheme} says ${byKey}; remove one of the two`);
  const theirs = byKey ?? byAlias;
  if (scheme !== undefined && theirs !== undefined && theirs !== scheme)
    reader.refuse(
      byKey === undefined ? keys.internal : keys.scheme,
      `${annotations.scheme} or the class says ${scheme}; set ${annotations.scheme} to what is wanted, and remove this`,
    );
  return scheme ?? theirs ?? "internal";
}

/** An explicit key wins over what the families of the Service ask for. */
export function readIpAddressType({ families }: DesiredLoadBalancer, reader: Reader): IpAddressType {
  const given = reader.read(keys.ipAddressType, choice("ipv4", "dualstack"));
  if (given !== undefined || families.length > 1) return given ?? "dualstack";
  if (families[0] === "IPv6") {
    const message = "a Network Load Balancer always has IPv4; set spec.ipFamilies to IPv4, or to both";
    reader.add({ path: "spec.ipFamilies", severity: "refuse", reason: "IPFamiliesNotSupported", message });
  }
  return "ipv4";
}

/** Whether UDP comes through over IPv6; without it AWS takes no UDP listener there. */
export function readSourceNat({ ports }: DesiredLoadBalancer, reader: Reader, type: IpAddressType): boolean {
  const isOn = reader.read(keys.sourceNat, onOff) ?? false;
  if (isOn && type !== "dualstack")
    reader.refuse(keys.sourceNat, `without IPv6 there is none; set ${keys.ipAddressType} to dualstack, or remove it`);
  if (!isOn && type === "dualstack" && ports.some(({ protocol }) => protocol === "UDP")) {
    const message = `UDP needs ${keys.sourceNat} "on" where the load balancer has IPv6 too`;
    reader.add({ path: "spec.ports", severity: "refuse", reason: "SourceNatMissing", message });
  }
  return isOn;
}

/** IDs or names of subnets; empty: they are to be found. */
export function readSubnets(reader: Reader): readonly string[] {
  return reader.read(keys.subnets, subnets) ?? [];
}

/** Addresses that the load balancer has in its subnets, in their order. */
export function readAddresses(
  reader: Reader,
  {
    scheme,
    type,
    subnets,
  }: { readonly scheme: Scheme; readonly type: IpAddressType; readonly subnets: readonly string[] },
): FixedAddresses {
  const found = {
    eipAllocations: reader.read(keys.eipAllocations, allocations) ?? [],
    privateIpv4: reader.read(keys.privateIpv4, listOf(address("IPv4"))) ?? [],
    ipv6: reader.read(keys.ipv6, listOf(address("IPv6"))) ?? [],
  };
  if (found.eipAllocations.length > 0 && scheme !== "internet-facing")
    reader.refuse(keys.eipAllocations, `only one that is internet-facing has them; set ${annotations.scheme} so`);
  if (found.privateIpv4.length > 0 && scheme !== "internal")
    reader.refuse(keys.privateIpv4, `only one that is internal has them; set ${annotations.scheme} so`);
  if (found.ipv6.length > 0 && type !== "dualstack")
    reader.refuse(keys.ipv6, `without IPv6 it has none; set ${keys.ipAddressType} to dualstack`);
  for (const field of ["eipAllocations", "privateIpv4", "ipv6"] as const) {
    const [key, count] = [keys[field], found[field].length];
    if (count > 0 && subnets.length > 0 && count !== subnets.length)
      reader.refuse(key, `give as many as ${keys.subnets} has, ${subnets.length}`);
  }
  return found;
}
