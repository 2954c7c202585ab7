import type { Service, ServicePort } from "../../../src/api/index.ts";
import { parseSloppyIp } from "../../../src/net/index.ts";
import { duplicate, type FieldError, forbiddenField, invalid, notSupported, required } from "../field-error.ts";
import { labelMapErrors } from "../metadata.ts";
import {
  cidrErrors,
  endpointIpErrors,
  ipErrors,
  labelErrors,
  portErrors,
  portNameErrors,
  qualifiedNameErrors,
  subdomainErrors,
} from "../words.ts";
import { clusterIpChangeErrors, clusterIpErrors } from "./cluster-ips.ts";
import { isExternallyAccessible, isExternallyTyped, isHeadless, needsHealthCheckPort, specOf } from "./facts.ts";

const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";
const sourceRangesAnnotation = "service.beta.kubernetes.io/load-balancer-source-ranges";

/** Everything that kube-apiserver finds wrong with the spec, in its order and words. */
export function serviceErrors(service: Service, old: Service | undefined): FieldError[] {
  return [
    ...(old === undefined ? [] : changeErrors(service, old)),
    ...typeErrors(service),
    ...portsErrors(service),
    ...labelMapErrors(specOf(service).selector ?? {}, "spec.selector"),
    ...affinityErrors(service),
    ...clusterIpErrors(service, old),
    ...externalIpErrors(service, old),
    ...enumErrors(service, "type", ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]),
    ...nodePortErrors(service),
    ...repeatedPortErrors(service),
    ...sourceRangeErrors(service, old),
    ...loadBalancerErrors(service),
    ...trafficErrors(service),
  ];
}

function changeErrors(service: Service, old: Service): FieldError[] {
  const errors = clusterIpChangeErrors(service, old);
  const spec = specOf(service);
  const before = specOf(old);
  if (before.type === "LoadBalancer" && spec.type === "LoadBalancer")
    if (before.loadBalancerClass !== spec.loadBalancerClass)
      errors.push(invalid("spec.loadBalancerClass", spec.loadBalancerClass, "may not change once set"));
  errors.push(...classErrors(service));
  if (needsHealthCheckPort(old) && needsHealthCheckPort(service))
    if (spec.healthCheckNodePort !== before.healthCheckNodePort)
      errors.push(forbiddenField("spec.healthCheckNodePort", "field is immutable"));
  return errors;
}

function classErrors(service: Service): FieldError[] {
  const { type, loadBalancerClass } = specOf(service);
  if (loadBalancerClass === undefined) return [];
  if (type !== "LoadBalancer") return [forbiddenField("spec.loadBalancerClass", onlyLoadBalancer)];
  return qualifiedNameErrors(loadBalancerClass).map((error) =>
    invalid("spec.loadBalancerClass", loadBalancerClass, error),
  );
}

function typeErrors(service: Service): FieldError[] {
  const spec = specOf(service);
  const errors: FieldError[] = [];
  if ((spec.ports ?? []).length === 0 && !isHeadless(service) && spec.type !== "ExternalName")
    errors.push(required("spec.ports"));
  if ((spec.type === "LoadBalancer" || spec.type === "NodePort") && isHeadless(service))
    errors.push(invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`));
  if (spec.type !== "ExternalName") return errors;
  for (const field of ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const)
    if (spec[field] !== undefined && spec[field].length > 0)
      errors.push(forbiddenField(`spec.${field}`, "may not be set for ExternalName services"));
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  if (name === "") errors.push(required("spec.externalName"));
  else errors.push(...subdomainErrors(name).map((error) => invalid("spec.externalName", name, error)));
  return errors;
}

function portsErrors(service: Service): FieldError[] {
  const ports = specOf(service).ports ?? [];
  const names = new Set<string>();
  return ports.flatMap((port, index) => portFieldErrors(port, `spec.ports[${index}]`, ports.length > 1, names));
}

function portFieldErrors(port: ServicePort, path: string, needsName: boolean, names: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name !== undefined) {
    errors.push(...labelErrors(port.name).map((error) => invalid(`${path}.name`, port.name, error)));
    if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
    names.add(port.name);
  } else if (needsName) errors.push(required(`${path}.name`));
  errors.push(...portErrors(port.port).map((error) => invalid(`${path}.port`, port.port, error)));
  if (!["SCTP", "TCP", "UDP"].includes(port.protocol ?? ""))
    errors.push(notSupported(`${path}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
  const target = port.targetPort;
  const targetErrors = typeof target === "number" ? portErrors(target) : portNameErrors(target ?? "");
  errors.push(...targetErrors.map((error) => invalid(`${path}.targetPort`, target, error)));
  if (port.appProtocol !== undefined)
    errors.push(
      ...qualifiedNameErrors(port.appProtocol).map((error) => invalid(`${path}.appProtocol`, port.appProtocol, error)),
    );
  return errors;
}

function affinityErrors(service: Service): FieldError[] {
  const { sessionAffinity, sessionAffinityConfig } = specOf(service);
  const errors = enumErrors(service, "sessionAffinity", ["ClientIP", "None"]);
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (sessionAffinity === "ClientIP" && seconds !== undefined && (seconds <= 0 || seconds > 86_400))
    errors.push(
      invalid(
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
        seconds,
        "must be greater than 0 and less than 86400",
      ),
    );
  return errors;
}

function enumErrors(
  service: Service,
  field: "type" | "sessionAffinity" | "internalTrafficPolicy",
  values: readonly string[],
): FieldError[] {
  const value = specOf(service)[field];
  if (value === undefined) return [required(`spec.${field}`)];
  return values.includes(value) ? [] : [notSupported(`spec.${field}`, value, values)];
}

function externalIpErrors(service: Service, old: Service | undefined): FieldError[] {
  const known = old?.spec?.externalIPs ?? [];
  return (specOf(service).externalIPs ?? []).flatMap((address, index) => {
    const syntax = known.includes(address) ? [] : ipErrors(address);
    const errors = syntax.length > 0 ? syntax : endpointIpErrors(address);
    return errors.map((error) => invalid(`spec.externalIPs[${index}]`, address, error));
  });
}

function nodePortErrors(service: Service): FieldError[] {
  const { type, ports = [] } = specOf(service);
  const errors: FieldError[] = [];
  if (type === "ClusterIP")
    for (const [index, { nodePort }] of ports.entries())
      if (nodePort !== undefined)
        errors.push(forbiddenField(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
  const seen = new Set<string>();
  for (const [index, { protocol, nodePort }] of ports.entries()) {
    if (nodePort === undefined) continue;
    if (seen.has(`${protocol} ${nodePort}`)) errors.push(duplicate(`spec.ports[${index}].nodePort`, nodePort));
    seen.add(`${protocol} ${nodePort}`);
  }
  return errors;
}

function repeatedPortErrors(service: Service): FieldError[] {
  const seen = new Set<string>();
  return (specOf(service).ports ?? []).flatMap(({ protocol, port }, index) => {
    const isRepeated = seen.has(`${protocol} ${port}`);
    seen.add(`${protocol} ${port}`);
    // The value is the internal Go struct, of which only the key is set.
    const key = { Name: "", Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
    return isRepeated ? [duplicate(`spec.ports[${index}]`, key)] : [];
  });
}

function sourceRangeErrors(service: Service, old: Service | undefined): FieldError[] {
  const { type, loadBalancerSourceRanges = [] } = specOf(service);
  const wrongType = (path: string): FieldError[] =>
    type === "LoadBalancer" ? [] : [forbiddenField(path, onlyLoadBalancer)];
  const check = (path: string, text: string, known: readonly string[]): FieldError[] =>
    known.includes(text) ? [] : cidrErrors(text).map((error) => invalid(path, text, error));
  if (loadBalancerSourceRanges.length > 0) {
    // The capital letter is upstream's.
    const path = "spec.LoadBalancerSourceRanges";
    const known = (old?.spec?.loadBalancerSourceRanges ?? []).map((text) => text.trim());
    return [
      ...wrongType(path),
      ...loadBalancerSourceRanges.flatMap((text, index) => check(`${path}[${index}]`, text.trim(), known)),
    ];
  }
  const annotation = service.metadata.annotations?.[sourceRangesAnnotation];
  if (annotation === undefined) return [];
  const path = `metadata.annotations[${sourceRangesAnnotation}]`;
  const isUnchanged = old?.metadata.annotations?.[sourceRangesAnnotation] === annotation;
  const ranges = isUnchanged || annotation.trim() === "" ? [] : annotation.split(",");
  return [...wrongType(path), ...ranges.flatMap((text) => check(path, text.trim(), []))];
}

function loadBalancerErrors(service: Service): FieldError[] {
  const spec = specOf(service);
  const errors: FieldError[] = [];
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== "LoadBalancer")
    errors.push(forbiddenField("spec.allocateLoadBalancerNodePorts", onlyLoadBalancer));
  return [...errors, ...classErrors(service)];
}

function trafficErrors(service: Service): FieldError[] {
  const spec = specOf(service);
  const errors: FieldError[] = [];
  const policy = spec.externalTrafficPolicy;
  if (!isExternallyAccessible(service)) {
    if (policy !== undefined)
      errors.push(invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services"));
  } else if (policy !== "Cluster" && policy !== "Local")
    errors.push(notSupported("spec.externalTrafficPolicy", policy, ["Cluster", "Local"]));

  const healthPort = spec.healthCheckNodePort;
  if (needsHealthCheckPort(service)) {
    if (healthPort === undefined) errors.push(required("spec.healthCheckNodePort"));
    else errors.push(...portErrors(healthPort).map((e) => invalid("spec.healthCheckNodePort", healthPort, e)));
  } else if (healthPort !== undefined)
    errors.push(
      invalid(
        "spec.healthCheckNodePort",
        healthPort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  const isRouted = isExternallyTyped(service) || spec.type === "ClusterIP";
  if (spec.internalTrafficPolicy !== undefined || isRouted)
    errors.push(...enumErrors(service, "internalTrafficPolicy", ["Cluster", "Local"]));
  const distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];
  if (spec.trafficDistribution !== undefined && !distributions.includes(spec.trafficDistribution))
    errors.push(notSupported("spec.trafficDistribution", spec.trafficDistribution, distributions));
  return errors;
}

/** What is wrong with a status that a controller writes. */
export function serviceStatusErrors(service: Service, old: Service): FieldError[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const path = "status.loadBalancer.ingress";
  if (specOf(service).type !== "LoadBalancer")
    return ingress.length === 0 ? [] : [forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  const known = (old.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  return ingress.flatMap(({ ip = "", hostname = "", ipMode }, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (ip !== "" && !known.includes(ip)) errors.push(...ipErrors(ip).map((error) => invalid(`${at}.ip`, ip, error)));
    if (ipMode === undefined) {
      if (ip !== "") errors.push(required(`${at}.ipMode`, "must be specified when `ip` is set"));
    } else if (ip === "") errors.push(forbiddenField(`${at}.ipMode`, "may not be specified when `ip` is not set"));
    else if (ipMode !== "VIP" && ipMode !== "Proxy")
      errors.push(notSupported(`${at}.ipMode`, ipMode, ["Proxy", "VIP"]));
    if (hostname !== "") {
      errors.push(...subdomainErrors(hostname).map((error) => invalid(`${at}.hostname`, hostname, error)));
      if (parseSloppyIp(hostname) !== undefined)
        errors.push(invalid(`${at}.hostname`, hostname, "must be a DNS name, not an IP address"));
    }
    return errors;
  });
}
