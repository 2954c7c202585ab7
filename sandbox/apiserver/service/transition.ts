// What an update inherits from the stored Service, and what a change of type wipes.
import type { Service } from "../../../src/api/index.ts";
import {
  allocatesNodePorts,
  isExternallyAccessible,
  isExternallyTyped,
  needsClusterIp,
  needsHealthCheckPort,
  nodePortsOf,
  sameList,
  specOf,
} from "./facts.ts";

/** Clears the fields that only the old type had and that the client sent back unchanged (KEP-1959, #95196). */
export function dropTypeDependentFields(service: Service, old: Service): void {
  const spec = specOf(service);
  const before = specOf(old);
  if (needsClusterIp(old) && !needsClusterIp(service)) {
    if (spec.clusterIP === before.clusterIP && sameList(spec.clusterIPs, before.clusterIPs)) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (sameList(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  if (isExternallyTyped(old) && !isExternallyTyped(service)) {
    const known = new Set(nodePortsOf(old));
    if (nodePortsOf(service).every((port) => known.has(port)))
      for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(service))
    if (spec.healthCheckNodePort === before.healthCheckNodePort) delete spec.healthCheckNodePort;
  if (before.type === "LoadBalancer" && spec.type !== "LoadBalancer") {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts)
      delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(service))
    if (spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy;
  if (spec.type !== "LoadBalancer") service.status = { ...service.status, loadBalancer: {} };
}

/** Keeps what was allocated when the client left it out, so that a manifest can be applied again. */
export function keepAllocated(service: Service, old: Service): void {
  const spec = specOf(service);
  const before = specOf(old);
  if (needsClusterIp(old) && needsClusterIp(service)) {
    if (spec.clusterIP === undefined && before.clusterIP !== undefined) spec.clusterIP = before.clusterIP;
    if (spec.clusterIPs === undefined && before.clusterIPs !== undefined) spec.clusterIPs = [...before.clusterIPs];
  }
  if (allocatesNodePorts(old) && allocatesNodePorts(service)) {
    const still = new Set(nodePortsOf(service));
    const used = new Set(nodePortsOf(old).filter((port) => still.has(port)));
    const byName = new Map((before.ports ?? []).map((port) => [port.name, port.nodePort]));
    for (const port of spec.ports ?? []) {
      const kept = byName.get(port.name);
      if (port.nodePort === undefined && kept !== undefined && !used.has(kept)) port.nodePort = kept;
    }
  }
  if (needsHealthCheckPort(old) && needsHealthCheckPort(service) && before.healthCheckNodePort !== undefined)
    spec.healthCheckNodePort ??= before.healthCheckNodePort;
}

/** Makes `clusterIPs` follow a client that only knows `clusterIP`. */
export function alignClusterIps(service: Service, old: Service | undefined): void {
  const spec = specOf(service);
  if (old === undefined) {
    if (spec.clusterIP !== undefined && spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const before = specOf(old);
  if (before.clusterIPs !== undefined && spec.clusterIPs === undefined && before.clusterIP === spec.clusterIP)
    spec.clusterIPs = [...before.clusterIPs];
  if (before.clusterIP === spec.clusterIP || !sameList(before.clusterIPs, spec.clusterIPs)) return;
  if (before.clusterIP !== undefined && spec.clusterIP === undefined) delete spec.clusterIPs;
  else if (spec.clusterIP !== undefined) spec.clusterIPs = [spec.clusterIP];
}
