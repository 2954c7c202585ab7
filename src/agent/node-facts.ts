import type { EndpointSlice, Node } from "../api/index.ts";
import { zoneLabel } from "../api/index.ts";
import { allEndpoints, endpointName, type FrontendGuard, type NodePlace } from "../model/index.ts";
import { type Cidr, cidrContains, type Family, formatIp, type PortRange, parseIp } from "../net/index.ts";
import type { PlanConfig } from "./plan/index.ts";

/** What an admin decides about a node's rules. */
export interface NodeSettings {
  /** Must be the name of the Node object. */
  readonly nodeName: string;
  readonly families: readonly Family[];
  /** The prefix of all pods, by family. */
  readonly clusterCidrs: ReadonlyMap<Family, string>;
  /** NodePorts answer on the node's addresses within these; on all when a family has none. */
  readonly nodePortPrefixes: readonly Cidr[];
  /** Ports on the node's own addresses that no Service may take. */
  readonly reservedPorts: readonly PortRange[];
  readonly dropInvalid: boolean;
}

/** Everything beside Services and slices that rules depend on; a change of it plans every Service anew. */
export interface NodeFacts {
  readonly place: NodePlace;
  readonly guard: FrontendGuard;
  readonly configs: ReadonlyMap<Family, PlanConfig>;
}

/** Taint of the cluster autoscaler: the node is about to go (KEP-3836). */
const scaledAwayTaint = "ToBeDeletedByClusterAutoscaler";

export function nodeEligible(node: Node | undefined): boolean {
  return (
    node !== undefined &&
    node.metadata.deletionTimestamp === undefined &&
    !(node.spec?.taints ?? []).some(({ key }) => key === scaledAwayTaint)
  );
}

export function nodeFacts(
  settings: NodeSettings,
  node: Node | undefined,
  apiServerSlices: readonly EndpointSlice[],
  localAddresses: readonly string[],
): NodeFacts {
  return {
    place: { name: settings.nodeName, zone: node?.metadata.labels?.[zoneLabel] },
    guard: {
      apiServers: new Set(allEndpoints(apiServerSlices).map(endpointName)),
      nodeAddresses: new Set(localAddresses),
      reservedPorts: settings.reservedPorts,
    },
    configs: new Map(settings.families.map((family) => [family, planConfig(settings, family, node, localAddresses)])),
  };
}

function planConfig(
  { clusterCidrs, nodePortPrefixes, dropInvalid }: NodeSettings,
  family: Family,
  node: Node | undefined,
  localAddresses: readonly string[],
): PlanConfig {
  const prefixes = nodePortPrefixes.filter(({ base }) => base.family === family);
  return {
    clusterCidr: clusterCidrs.get(family),
    nodeIp: nodeIp(node, family),
    nodePortAddresses:
      prefixes.every(({ prefix }) => prefix > 0) && prefixes.length > 0 ? within(localAddresses, prefixes) : undefined,
    dropInvalid,
  };
}

function within(addresses: readonly string[], prefixes: readonly Cidr[]): string[] {
  return addresses.filter((text) => {
    const ip = parseIp(text);
    return ip !== undefined && !isLoopback(text) && prefixes.some((prefix) => cidrContains(prefix, ip));
  });
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function nodeIp(node: Node | undefined, family: Family): string | undefined {
  const addresses = node?.status?.addresses ?? [];
  for (const wanted of ["InternalIP", "ExternalIP"])
    for (const { type, address } of addresses) {
      const ip = parseIp(address);
      if (type === wanted && ip?.family === family) return formatIp(ip);
    }
  return undefined;
}
