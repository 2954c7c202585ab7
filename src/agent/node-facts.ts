import type { EndpointSlice, Node } from "../api/index.ts";
import { zoneLabel } from "../api/index.ts";
import { allEndpoints, endpointName, type FrontendGuard, type NodePlace } from "../model/index.ts";
import { type Cidr, cidrContains, type Family, formatIp, type PortRange, parseIp } from "../net/index.ts";
import type { PlanConfig } from "./plan/index.ts";

/** How packets of this node's own pods are told from others (KEP-2450). */
export type LocalTrafficDetector =
  /** By the prefix that all pods of the cluster have, by family. */
  | { readonly mode: "ClusterCIDR"; readonly cidrs: ReadonlyMap<Family, string> }
  /** By the prefix of this node's pods, `spec.podCIDRs` of its Node. */
  | { readonly mode: "NodeCIDR" }
  | { readonly mode: "BridgeInterface"; readonly name: string }
  | { readonly mode: "InterfaceNamePrefix"; readonly prefix: string };

/** What an admin decides about a node's rules. */
export interface NodeSettings {
  /** Must be the name of the Node object. */
  readonly nodeName: string;
  readonly families: readonly Family[];
  readonly localTraffic: LocalTrafficDetector;
  /**
   * NodePorts answer on the node's addresses within these prefixes, on all when a family has none; `primary`: on the
   * addresses that the Node object names.
   */
  readonly nodePortAddresses: "primary" | readonly Cidr[];
  /** NodePorts answer on 127.0.0.0/8 as well, if `nodePortAddresses` lets them. */
  readonly localhostNodePorts: boolean;
  readonly masqueradeAll: boolean;
  readonly masqueradeBit: number;
  /** Which `spec.externalIPs` are served: those within; empty: none (KEP-5707). */
  readonly externalIps: readonly Cidr[];
  /** Ports on the node's own addresses that no Service may take. */
  readonly reservedPorts: readonly PortRange[];
  readonly dropInvalid: boolean;
  /** Whether `MASQUERADE` takes `--random-fully`. */
  readonly randomFully: boolean;
  /** Whether packets that two rules count have accounting objects (xt_nfacct), by family. */
  readonly accounting: ReadonlySet<Family>;
  /** Whether the kernel can remember clients (xt_recent), by family; where it cannot, Services go without affinity. */
  readonly sessionAffinity: ReadonlySet<Family>;
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
  settings: NodeSettings,
  family: Family,
  node: Node | undefined,
  localAddresses: readonly string[],
): PlanConfig {
  const { localTraffic, masqueradeAll, masqueradeBit, randomFully, dropInvalid, accounting, sessionAffinity } =
    settings;
  const cidr = localTraffic.mode === "ClusterCIDR" ? localTraffic.cidrs.get(family) : undefined;
  const wanted = settings.nodePortAddresses === "primary" ? [] : settings.nodePortAddresses;
  const prefixes = wanted.filter(({ base }) => base.family === family);
  return {
    localTraffic: cidr === undefined ? undefined : { ifLocal: `-s ${cidr}`, ifNotLocal: `! -s ${cidr}` },
    nodeIp: nodeIp(node, family),
    nodePortAddresses:
      prefixes.every(({ prefix }) => prefix > 0) && prefixes.length > 0 ? within(localAddresses, prefixes) : undefined,
    localhostNodePorts: settings.localhostNodePorts,
    masqueradeAll,
    masqueradeBit,
    randomFully,
    dropInvalid,
    accounting: accounting.has(family),
    sessionAffinity: sessionAffinity.has(family),
    largeCluster: false,
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
