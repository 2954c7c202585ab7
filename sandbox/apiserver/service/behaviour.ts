import type { Service } from "../../../src/api/index.ts";
import { formatIp, parseIp, parseSloppyIp } from "../../../src/net/index.ts";
import type { ServiceAddresses } from "../addresses.ts";
import type { KubeObject } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { labelErrors } from "../words.ts";
import { allocateForService } from "./allocation.ts";
import { defaultService } from "./defaults.ts";
import { isHeadless, specOf } from "./facts.ts";
import { dropTypeDependentFields } from "./transition.ts";
import { serviceErrors, serviceStatusErrors } from "./validation.ts";

/** A stored object of the collection `services`, for the code that knows its fields. */
export function asService(object: KubeObject): Service {
  return object;
}

export function serviceBehaviour(addresses: ServiceAddresses): Behaviour {
  return {
    nameErrors: labelErrors,
    default: (object) => defaultService(asService(object)),
    prepareCreate(object) {
      object["status"] = { loadBalancer: {} };
    },
    prepareUpdate: (object, old) => dropTypeDependentFields(asService(object), asService(old)),
    allocate: (object, old, dryRun) =>
      allocateForService(asService(object), old && asService(old), addresses.request(dryRun), addresses),
    validate: (object, old) => serviceErrors(asService(object), old && asService(old)),
    validateStatus: (object, old) => serviceStatusErrors(asService(object), asService(old)),
    shown: shownService,
    warnings: (object) => serviceWarnings(asService(object)),
    statusWarnings: (object) =>
      addressWarnings(
        "status.loadBalancer.ingress",
        (asService(object).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? ""),
      ),
    fields: (object) => {
      const { clusterIP, type } = specOf(asService(object));
      return { "spec.clusterIP": clusterIP ?? "", "spec.type": type ?? "" };
    },
    returnsDeleted: true,
    createsOnUpdate: true,
  };
}

/** A policy that an ExternalName was given before it became one stays stored, out of sight, for what it becomes next. */
function shownService(object: KubeObject): KubeObject {
  const { type, internalTrafficPolicy, ...rest } = specOf(asService(object));
  if (type !== "ExternalName" || internalTrafficPolicy === undefined) return object;
  return { ...object, spec: { type, ...rest } };
}

/** What is accepted but most likely not meant, as pkg/api/service/warnings.go says it. */
function serviceWarnings(service: Service): string[] {
  const spec = specOf(service);
  const warnings: string[] = [];
  if (service.metadata.annotations?.["service.kubernetes.io/topology-aware-hints"] !== undefined)
    warnings.push(
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    );
  if (spec.clusterIP !== undefined && spec.clusterIP !== "None")
    warnings.push(...addressWarnings("spec.clusterIPs", spec.clusterIPs ?? []));
  const headless = isHeadless(service) && spec.type === "ClusterIP";
  if (headless) {
    if (spec.loadBalancerIP !== undefined) warnings.push("spec.loadBalancerIP is ignored for headless services");
    if (spec.externalIPs !== undefined) warnings.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== "None") warnings.push("spec.SessionAffinity is ignored for headless services");
  }
  warnings.push(...addressWarnings("spec.externalIPs", spec.externalIPs ?? []));
  if (spec.externalIPs !== undefined && !headless && spec.type !== "ExternalName")
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  if (spec.loadBalancerIP !== undefined)
    warnings.push(...addressWarnings("spec.loadBalancerIP", [spec.loadBalancerIP]).map((w) => w.replace("[0]", "")));
  if (spec.type === "ExternalName" && spec.externalIPs !== undefined)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== "ExternalName" && spec.externalName !== undefined)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === "PreferClose")
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

function addressWarnings(path: string, addresses: readonly string[]): string[] {
  return addresses.flatMap((text, index) => {
    const ip = parseSloppyIp(text);
    if (ip === undefined) return [];
    const canonical = formatIp(ip);
    if (parseIp(text) === undefined)
      return [`${path}[${index}]: non-standard IP address "${text}" is invalid: use "${canonical}"`];
    return ip.family === "IPv6" && canonical !== text
      ? [`${path}[${index}]: IPv6 address "${text}" should be in RFC 5952 canonical format ("${canonical}")`]
      : [];
  });
}
