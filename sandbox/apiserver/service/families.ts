import type { Service } from "../../../src/api/index.ts";
import { type Family, parseSloppyIp } from "../../../src/net/index.ts";
import type { ServiceAddresses } from "../addresses.ts";
import { type FieldError, invalid } from "../field-error.ts";
import { clusterIpErrors } from "./cluster-ips.ts";
import { sameList, specOf } from "./facts.ts";

const needsSecondRange = "this cluster is not configured for dual-stack services";

/**
 * Settles `ipFamilyPolicy` and `ipFamilies` before addresses are allocated, as initIPFamilyFields does. Returns what
 * forbids it.
 */
export function settleFamilies(
  service: Service,
  old: Service | undefined,
  { families, defaultFamily }: ServiceAddresses,
): readonly FieldError[] {
  const spec = specOf(service);
  if (spec.type === "ExternalName" || isUntouchedPreferDualStack(service, old)) return [];
  const isSelectorless = spec.clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (isSelectorless ? "RequireDualStack" : "SingleStack");
  const related = clusterIpErrors(service, old);
  if (related.length > 0) return related;

  const errors = [...releaseErrors(service, old), ...singleStackErrors(service)];
  for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === "None") break;
    if (index < (spec.ipFamilies ?? []).length) continue;
    const family = familyOf(address);
    if (families.has(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else
      errors.push(invalid(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`));
  }
  if (errors.length > 0) return errors;

  if (isSelectorless) {
    spec.ipFamilies ??= [defaultFamily];
    if (spec.ipFamilyPolicy !== "SingleStack") addSecondFamily(service);
    return [];
  }
  if (spec.ipFamilyPolicy === "RequireDualStack" && families.size < 2)
    errors.push(invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, needsSecondRange));
  for (const [index, family] of (spec.ipFamilies ?? []).entries())
    if (!families.has(family as Family))
      errors.push(invalid(`spec.ipFamilies[${index}]`, family, "not configured on this cluster"));
  if (errors.length > 0) return errors;

  spec.ipFamilies ??= [defaultFamily];
  if (spec.ipFamilyPolicy !== "SingleStack" && families.size === 2) addSecondFamily(service);
  return [];
}

export function familyOf(address: string): Family {
  return parseSloppyIp(address)?.family ?? (address.includes(":") ? "IPv6" : "IPv4");
}

function addSecondFamily(service: Service): void {
  const spec = specOf(service);
  if (spec.ipFamilies?.length === 1) spec.ipFamilies.push(spec.ipFamilies[0] === "IPv4" ? "IPv6" : "IPv4");
}

/** A PreferDualStack Service that an update leaves alone is not upgraded by it. */
export function isUntouchedPreferDualStack(service: Service, old: Service | undefined): boolean {
  const spec = specOf(service);
  if (old === undefined || spec.ipFamilyPolicy === undefined) return false;
  const before = specOf(old);
  return (
    before.type === spec.type &&
    spec.type !== "ExternalName" &&
    spec.ipFamilyPolicy === "PreferDualStack" &&
    (before.ipFamilyPolicy ?? "PreferDualStack") === "PreferDualStack" &&
    sameList(before.clusterIPs, spec.clusterIPs) &&
    sameList(before.ipFamilies, spec.ipFamilies)
  );
}

function releaseErrors(service: Service, old: Service | undefined): FieldError[] {
  if (old === undefined) return [];
  const spec = specOf(service);
  const before = specOf(old);
  if (spec.ipFamilyPolicy === "SingleStack") {
    if (sameList(before.clusterIPs, spec.clusterIPs) && spec.clusterIPs !== undefined)
      spec.clusterIPs = spec.clusterIPs.slice(0, 1);
    if (sameList(before.ipFamilies, spec.ipFamilies) && spec.ipFamilies !== undefined)
      spec.ipFamilies = spec.ipFamilies.slice(0, 1);
    return [];
  }
  const errors: FieldError[] = [];
  const isReduced = (now: readonly string[] = [], then: readonly string[] = []): boolean =>
    now.length > 0 && now.length < then.length;
  const release = (what: string): FieldError =>
    invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  if (isReduced(spec.clusterIPs, before.clusterIPs)) errors.push(release("cluster IP"));
  if (isReduced(spec.ipFamilies, before.ipFamilies)) errors.push(release("IP family"));
  return errors;
}

function singleStackErrors(service: Service): FieldError[] {
  const { ipFamilyPolicy, clusterIPs = [], ipFamilies = [] } = specOf(service);
  if (ipFamilyPolicy !== "SingleStack") return [];
  const error = (what: string): FieldError =>
    invalid(
      "spec.ipFamilyPolicy",
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(clusterIPs.length === 2 ? [error("cluster IPs")] : []),
    ...(ipFamilies.length === 2 ? [error("IP families")] : []),
  ];
}
