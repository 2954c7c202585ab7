// What the rules of kube-apiserver ask about a Service.
import type { Service, ServiceSpec } from "../../../src/api/index.ts";

export function specOf(service: Service): ServiceSpec {
  service.spec ??= {};
  return service.spec;
}

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIPs?.length === 1 && spec.clusterIPs[0] === "None";
}

export function needsClusterIp({ spec }: Service): boolean {
  return spec?.type !== "ExternalName";
}

export function isExternallyTyped({ spec }: Service): boolean {
  return spec?.type === "NodePort" || spec?.type === "LoadBalancer";
}

/** Whether `externalTrafficPolicy` means something: node ports, load balancers and external IPs. */
export function isExternallyAccessible(service: Service): boolean {
  return (
    isExternallyTyped(service) || (service.spec?.type === "ClusterIP" && (service.spec.externalIPs?.length ?? 0) > 0)
  );
}

export function allocatesNodePorts({ spec }: Service): boolean {
  return spec?.type === "NodePort" || (spec?.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
}

export function needsHealthCheckPort({ spec }: Service): boolean {
  return spec?.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

export function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return (a ?? []).length === (b ?? []).length && (a ?? []).every((item, index) => item === b?.[index]);
}

export function nodePortsOf({ spec }: Service): number[] {
  return (spec?.ports ?? []).flatMap(({ nodePort }) => (nodePort === undefined || nodePort === 0 ? [] : [nodePort]));
}
