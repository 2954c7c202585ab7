import type { Service } from "../../../src/api/index.ts";
import { duplicate, type FieldError, invalid, notSupported, required } from "../field-error.ts";
import { ipErrors } from "../words.ts";
import { isHeadless, specOf } from "./facts.ts";

/** Whether `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` agree. */
export function clusterIpErrors(service: Service, old: Service | undefined): FieldError[] {
  const spec = specOf(service);
  if (spec.type === "ExternalName") return [];
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const errors: FieldError[] = [];
  if (clusterIP !== undefined) {
    if (clusterIPs.length === 0) errors.push(required("spec.clusterIPs"));
    else if (clusterIPs[0] !== clusterIP)
      errors.push(invalid("spec.clusterIPs", clusterIPs, "first value must match `clusterIP`"));
  } else if (clusterIPs.length > 0)
    errors.push(invalid("spec.clusterIPs", clusterIPs, "must be empty when `clusterIP` is not specified"));

  for (const [index, family] of ipFamilies.entries()) {
    if (family !== "IPv4" && family !== "IPv6")
      errors.push(notSupported(`spec.ipFamilies[${index}]`, family, ["IPv4", "IPv6"]));
    if (ipFamilies.indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  }
  const policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
  if (ipFamilyPolicy !== undefined && !policies.includes(ipFamilyPolicy))
    errors.push(notSupported("spec.ipFamilyPolicy", ipFamilyPolicy, policies));

  const addresses = addressErrors(clusterIPs, old?.spec?.clusterIPs ?? []);
  errors.push(...addresses);
  if (clusterIPs.length > 2) errors.push(invalid("spec.clusterIPs", clusterIPs, "may only hold up to 2 values"));
  if (addresses.length > 0) return errors;

  const isV6 = (address: string): boolean => address.includes(":");
  if (clusterIPs.length > 1 && clusterIPs.every((address) => isV6(address) === isV6(clusterIPs[0] ?? "")))
    errors.push(invalid("spec.clusterIPs", clusterIPs, "may specify no more than one IP for each IP family"));
  if (isHeadless(service)) return errors;
  for (const [index, address] of clusterIPs.entries()) {
    const family = ipFamilies[index];
    if (family !== undefined && (family === "IPv6") !== isV6(address))
      errors.push(
        invalid(
          `spec.clusterIPs[${index}]`,
          address,
          `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
        ),
      );
  }
  return errors;
}

function addressErrors(clusterIPs: readonly string[], known: readonly string[]): FieldError[] {
  return clusterIPs.flatMap((address, index) => {
    if (index === 0 && address === "None")
      return clusterIPs.length > 1
        ? [invalid("spec.clusterIPs", clusterIPs, "'None' must be the first and only value")]
        : [];
    if (known.includes(address)) return [];
    return ipErrors(address).map((error) => invalid(`spec.clusterIPs[${index}]`, address, error));
  });
}

/** Addresses may be added or the secondary one released; the primary one never changes. */
export function clusterIpChangeErrors(service: Service, old: Service): FieldError[] {
  const spec = specOf(service);
  const before = specOf(old);
  if (spec.type === "ExternalName" || before.type === "ExternalName") return [];
  if (isHeadless(service) && isHeadless(old)) return [];
  return [
    ...listChangeErrors("clusterIP", spec.clusterIPs, before.clusterIPs, spec.ipFamilyPolicy),
    ...(isHeadless(service) || isHeadless(old)
      ? []
      : listChangeErrors("ipFamily", spec.ipFamilies, before.ipFamilies, spec.ipFamilyPolicy)),
  ];
}

function listChangeErrors(
  what: "clusterIP" | "ipFamily",
  now: readonly string[] | undefined,
  then: readonly string[] = [],
  policy: string | undefined,
): FieldError[] {
  const field = what === "clusterIP" ? "spec.clusterIPs" : "spec.ipFamilies";
  const values = now ?? [];
  const changed = (index: number): FieldError => invalid(`${field}[${index}]`, now, "may not change once set");
  if (values.length === then.length)
    return then.flatMap((value, index) => (value === values[index] ? [] : [changed(what === "clusterIP" ? index : 0)]));
  const errors: FieldError[] = [];
  if (values.length === 0) errors.push(invalid(`${field}[0]`, now, `primary ${what} can not be unset`));
  else if (then.length > 0 && values[0] !== then[0]) errors.push(changed(0));
  if (then.length > values.length && values.length === 1 && policy !== "SingleStack")
    errors.push(
      invalid("spec.ipFamilyPolicy", policy, `must be set to 'SingleStack' when releasing the secondary ${what}`),
    );
  return errors;
}
