import { type EndpointSlice, leavingTaints, type Node, zoneLabel } from "../api/index.ts";
import { assertNever } from "../base/index.ts";
import {
  allEndpoints,
  endpointName,
  type FrontendGuard,
  type NodePlace,
  readAddress,
  readPrefix,
} from "../model/index.ts";
import { type Cidr, type Family, formatCidr, formatIp, type Ip, ipEquals, type PortRange } from "../net/index.ts";
import { localhostNodePorts, type NodePortAddresses, nodePortAddresses } from "./node-port-addresses.ts";
import type { ChainNames, LocalTraffic, PlanConfig } from "./plan/index.ts";

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
  /** The Services whose label `service.kubernetes.io/service-proxy-name` says so are served; absent: those without it. */
  readonly serviceProxyName?: string;
  /** Of the chains that are ours. */
  readonly chains: ChainNames;
  /** Taken for the node's own address in its family, before what the Node object says; absent: none. */
  readonly bindAddress?: string;
  readonly localTraffic: LocalTrafficDetector;
  /**
   * NodePorts answer on the node's addresses within these prefixes, on all when a family has none; `primary`: on the
   * addresses that the Node object names, on all of a family in which it names none.
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
  readonly proxyName: string | undefined;
  readonly place: NodePlace;
  readonly guard: FrontendGuard;
  readonly configs: ReadonlyMap<Family, PlanConfig>;
}

/** Whether load balancers may send new connections here: not when the node is about to go (KEP-3836). */
export function nodeEligible(node: Node | undefined): boolean {
  return (
    node !== undefined &&
    node.metadata.deletionTimestamp === undefined &&
    !(node.spec?.taints ?? []).some(({ key }) => leavingTaints.includes(key))
  );
}

/** `node`: as last seen; rules that depend on it stay while the object is away. */
export function nodeFacts(
  settings: NodeSettings,
  node: Node | undefined,
  apiServerSlices: readonly EndpointSlice[],
  localAddresses: readonly string[],
): NodeFacts {
  return {
    proxyName: settings.serviceProxyName,
    place: { name: settings.nodeName, zone: node?.metadata.labels?.[zoneLabel] },
    guard: {
      apiServers: new Set(allEndpoints(apiServerSlices).map(endpointName)),
      nodeAddresses: new Set(localAddresses),
      translated: translatedAddresses(node),
      reservedPorts: settings.reservedPorts,
      externalIps: settings.externalIps,
    },
    configs: new Map(settings.families.map((family) => [family, planConfig(settings, family, node, localAddresses)])),
  };
}

/** What the admin should know about the facts, in a stable order. `last`: the Node as last seen, if ever. */
export function nodeNotices(
  settings: NodeSettings,
  node: Node | undefined,
  last: Node | undefined,
  localAddresses: readonly string[],
): string[] {
  const missing =
    last === undefined
      ? "there is no Node object of this name, so its addresses, zone and pod prefix are not known"
      : "the Node object is gone; rules go by what it said last";
  return [
    ...(node === undefined ? [missing] : []),
    ...settings.families.flatMap((family) => {
      const { notice } = nodePorts(settings, family, last, localAddresses);
      return [...undetected(settings, family, last), ...(notice === undefined ? [] : [notice])];
    }),
  ];
}

/** Clouds translate a node's public address one to one before packets reach it; Services name the public one. */
function translatedAddresses(node: Node | undefined): ReadonlyMap<string, string> {
  const read = (wanted: string): Ip[] =>
    (node?.status?.addresses ?? []).flatMap(({ type, address }) => (type === wanted && readAddress(address)) || []);
  const internal = read("InternalIP");
  return new Map(
    read("ExternalIP").flatMap((external) => {
      const own = internal.find(({ family }) => family === external.family);
      return own === undefined || ipEquals(own, external) ? [] : [[formatIp(external), formatIp(own)]];
    }),
  );
}

function planConfig(
  settings: NodeSettings,
  family: Family,
  node: Node | undefined,
  localAddresses: readonly string[],
): PlanConfig {
  const { masqueradeAll, masqueradeBit, randomFully, dropInvalid, accounting, sessionAffinity } = settings;
  return {
    chains: settings.chains,
    localTraffic: localTraffic(settings.localTraffic, family, node),
    // kube-proxy takes loopback when it knows nothing better.
    nodeIp: nodeIp(settings, family, node) ?? (family === "IPv4" ? "127.0.0.1" : "::1"),
    nodePortAddresses: nodePorts(settings, family, node, localAddresses).addresses,
    localhostNodePorts: localhostNodePorts(settings, family),
    masqueradeAll,
    masqueradeBit,
    randomFully,
    dropInvalid,
    accounting: accounting.has(family),
    sessionAffinity: sessionAffinity.has(family),
    largeCluster: false,
  };
}

function nodePorts(
  settings: NodeSettings,
  family: Family,
  node: Node | undefined,
  localAddresses: readonly string[],
): NodePortAddresses {
  return nodePortAddresses(settings, family, nodeIp(settings, family, node), localAddresses);
}

function localTraffic(
  detector: LocalTrafficDetector,
  family: Family,
  node: Node | undefined,
): LocalTraffic | undefined {
  const match = localMatch(detector, family, node);
  return match === undefined ? undefined : { ifLocal: match, ifNotLocal: `! ${match}` };
}

function localMatch(detector: LocalTrafficDetector, family: Family, node: Node | undefined): string | undefined {
  switch (detector.mode) {
    case "ClusterCIDR":
      return sourceMatch(detector.cidrs.get(family));
    case "NodeCIDR":
      return sourceMatch(podCidr(node, family));
    case "BridgeInterface":
      return `-i ${detector.name}`;
    case "InterfaceNamePrefix":
      return `-i ${detector.prefix}+`;
    default:
      return assertNever(detector, "local traffic detector");
  }
}

function sourceMatch(cidr: string | undefined): string | undefined {
  return cidr === undefined ? undefined : `-s ${cidr}`;
}

/** The first of the family; a node has at most one of each. */
function podCidr(node: Node | undefined, family: Family): string | undefined {
  const { podCIDRs, podCIDR } = node?.spec ?? {};
  return (podCIDRs ?? [podCIDR ?? ""])
    .flatMap((text) => readPrefix(text) ?? [])
    .filter(({ base }) => base.family === family)
    .map(formatCidr)[0];
}

function undetected({ localTraffic: detector }: NodeSettings, family: Family, node: Node | undefined): string[] {
  return detector.mode === "NodeCIDR" && podCidr(node, family) === undefined
    ? [`the Node has no ${family} prefix in spec.podCIDRs, so its pods are not told from others`]
    : [];
}

function nodeIp({ bindAddress }: NodeSettings, family: Family, node: Node | undefined): string | undefined {
  const bound = readAddress(bindAddress);
  if (bound?.family === family && bound.value !== 0n) return formatIp(bound);
  const addresses = node?.status?.addresses ?? [];
  for (const wanted of ["InternalIP", "ExternalIP"])
    for (const { type, address } of addresses) {
      const ip = readAddress(address);
      if (type === wanted && ip?.family === family) return formatIp(ip);
    }
  return undefined;
}
