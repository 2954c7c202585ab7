import type { Service, ServicePort } from "../../../src/api/index.ts";
import type { Family } from "../../../src/net/index.ts";
import { type AddressRequest, AllocationError, type ServiceAddresses } from "../addresses.ts";
import { type FieldError, invalid } from "../field-error.ts";
import { internalError, invalidObject, StatusError } from "../status.ts";
import { allocatesNodePorts, isExternallyTyped, needsHealthCheckPort, nodePortsOf, specOf } from "./facts.ts";
import { isUntouchedPreferDualStack, settleFamilies } from "./families.ts";
import { alignClusterIps, keepAllocated } from "./transition.ts";

/**
 * Gives the Service its cluster IPs and node ports, in place. Nothing is held yet: the store tells the allocator
 * once the object is written, so a refused or dry-run write leaves no trace.
 */
export function allocateForService(
  service: Service,
  old: Service | undefined,
  request: AddressRequest,
  addresses: ServiceAddresses,
): void {
  if (old !== undefined) keepAllocated(service, old);
  alignClusterIps(service, old);
  refuse(service, settleFamilies(service, old, addresses));
  allocateClusterIps(service, old, request);
  if (isExternallyTyped(service)) {
    if (old === undefined) allocateNodePorts(service, request);
    else updateNodePorts(service, old, request);
  }
  if (needsHealthCheckPort(service) && (old === undefined || !needsHealthCheckPort(old)))
    allocateHealthCheckPort(service, request);
}

function refuse(service: Service, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: "", kind: "Service" }, service.metadata.name ?? "", errors);
}

function allocateClusterIps(service: Service, old: Service | undefined, request: AddressRequest): void {
  const spec = specOf(service);
  if (spec.type === "ExternalName" || isUntouchedPreferDualStack(service, old)) return;
  if (old === undefined || old.spec?.type === "ExternalName") {
    if (spec.clusterIPs?.[0] !== "None") fillClusterIps(service, 0, request);
    return;
  }
  if (old.spec?.clusterIPs?.[0] === "None") return;
  if ((old.spec?.ipFamilies?.length ?? 0) === 1 && spec.ipFamilies?.length === 2) fillClusterIps(service, 1, request);
}

/** Allocates or claims the address of every family from the `first` on. */
function fillClusterIps(service: Service, first: number, request: AddressRequest): void {
  const spec = specOf(service);
  const asked = spec.clusterIPs;
  const clusterIPs = [...(asked ?? [])];
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (index < first) continue;
    const wanted = clusterIPs[index];
    try {
      if (wanted === undefined) clusterIPs[index] = request.address(family as Family);
      else request.claimAddress(wanted);
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      if (wanted === undefined)
        throw internalError(
          `failed to allocate a serviceIP for Service ${JSON.stringify(service.metadata.name)}: ${error.message}`,
        );
      refuse(service, [invalid("spec.clusterIPs", asked, `failed to allocate IP ${wanted}: ${error.message}`)]);
    }
  }
  spec.clusterIPs = clusterIPs;
  if (clusterIPs[0] !== undefined) spec.clusterIP = clusterIPs[0];
}

/** Ports of one number and several protocols share a node port, unless the client asks for different ones. */
function allocateNodePorts(service: Service, request: AddressRequest): void {
  const ports = specOf(service).ports ?? [];
  const byPort = new Map<number, number>();
  for (const [index, port] of ports.entries()) {
    if (port.nodePort === undefined && !allocatesNodePorts(service)) continue;
    const shared = byPort.get(port.port);
    if (shared === undefined) {
      const wanted = ports.find((other) => other.port === port.port && other.nodePort !== undefined)?.nodePort;
      port.nodePort = wanted === undefined ? anyNodePort(request) : claimNodePort(service, index, wanted, request);
      byPort.set(port.port, port.nodePort);
    } else if (port.nodePort === undefined) port.nodePort = shared;
    else if (port.nodePort !== shared) claimNodePort(service, index, port.nodePort, request);
  }
}

function anyNodePort(request: AddressRequest): number {
  try {
    return request.port();
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    throw internalError(`failed to allocate a nodePort: ${error.message}`);
  }
}

function claimNodePort(service: Service, index: number, port: number, request: AddressRequest): number {
  try {
    request.claimPort(port);
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    refuse(service, [invalid(`spec.ports[${index}].nodePort`, port, error.message)]);
  }
  return port;
}

function updateNodePorts(service: Service, old: Service, request: AddressRequest): void {
  const held = new Set(nodePortsOf(old));
  const seen = new Set<string>();
  for (const [index, port] of (specOf(service).ports ?? []).entries()) {
    if (port.nodePort === undefined) {
      if (!allocatesNodePorts(service)) continue;
      port.nodePort = anyNodePort(request);
    } else if (!held.has(port.nodePort)) {
      claimNodePort(service, index, port.nodePort, request);
      held.add(port.nodePort);
    }
    refuseRepeated(port, seen);
  }
}

function refuseRepeated({ protocol, nodePort }: ServicePort, seen: Set<string>): void {
  const key = `${protocol} ${nodePort}`;
  if (seen.has(key)) throw new StatusError(500, "", `duplicate nodePort: {${protocol} ${nodePort}}`);
  seen.add(key);
}

function allocateHealthCheckPort(service: Service, request: AddressRequest): void {
  const spec = specOf(service);
  const wanted = spec.healthCheckNodePort;
  try {
    if (wanted === undefined) spec.healthCheckNodePort = request.port();
    else request.claimPort(wanted);
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    const what = wanted === undefined ? "a HealthCheck NodePort 0" : `requested HealthCheck NodePort ${wanted}`;
    throw internalError(`failed to allocate ${what}: ${error.message}`);
  }
}
