import type { Service, ServicePort } from "../../../src/api/index.ts";
import { isExternallyAccessible, isExternallyTyped, specOf } from "./facts.ts";

/** How long a client sticks to an endpoint unless told. */
const defaultAffinitySeconds = 10_800;

/** What SetDefaults_Service does, after dropping the zero values that Go's `omitempty` drops. */
export function defaultService(service: Service): void {
  const spec = specOf(service);
  dropZeroes(spec);
  for (const port of spec.ports ?? []) defaultPort(port);
  spec.sessionAffinity ??= "None";
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === "ClientIP" && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: defaultAffinitySeconds } };
  spec.type ??= "ClusterIP";
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ??= "Cluster";
  if (isExternallyTyped(service) || spec.type === "ClusterIP") spec.internalTrafficPolicy ??= "Cluster";
  if (spec.type === "LoadBalancer") {
    spec.allocateLoadBalancerNodePorts ??= true;
    for (const ingress of service.status?.loadBalancer?.ingress ?? [])
      if (ingress.ip !== undefined && ingress.ip !== "") ingress.ipMode ??= "VIP";
  }
}

/** Pointers keep their zero in Go, so these fields keep theirs. */
const pointerFields: ReadonlySet<string> = new Set([
  "allocateLoadBalancerNodePorts",
  "appProtocol",
  "loadBalancerClass",
  "internalTrafficPolicy",
  "ipFamilyPolicy",
  "trafficDistribution",
]);

function dropZeroes(target: object): void {
  for (const [field, value] of Object.entries(target)) {
    const isEmpty =
      value === "" ||
      value === 0 ||
      value === false ||
      (typeof value === "object" && value !== null && Object.keys(value).length === 0);
    if (isEmpty && !pointerFields.has(field)) Reflect.deleteProperty(target, field);
  }
}

function defaultPort(port: ServicePort): void {
  const number = port.port;
  dropZeroes(port);
  port.port = number;
  port.protocol ??= "TCP";
  port.targetPort ??= port.port;
}
