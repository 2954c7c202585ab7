import {
  excludeNodeLabel,
  type LabelSelector,
  leavingTaints,
  type Node,
  newNodeTaint,
  selects,
  zoneLabel,
} from "../api/index.ts";
import { assertNever } from "../base/index.ts";
import { type Family, formatIp, type Ip, parseIp } from "../net/index.ts";
import type { NodeNeed, NodeTarget } from "./load-balancer.ts";

/** Why a node gets no external traffic. */
export interface ExcludedNode {
  readonly name: string;
  /** `deletionTimestamp`, the key of a label or a taint, or in words what the load balancer misses in it. */
  readonly by: string;
}

/** By what a node is excluded that no cloud knows, and that is not about to get to be known. */
export const withoutProviderId = "its lack of a providerID";

export interface NodeSet {
  /** Sorted by name. */
  readonly targets: readonly NodeTarget[];
  readonly excluded: readonly ExcludedNode[];
}

/** All that load balancers depend on in a node. */
export interface NodeFacts {
  readonly target: NodeTarget;
  readonly labels: Readonly<Record<string, string>>;
  /** Why no load balancer may send to it; undefined when they may. */
  readonly excludedBy: string | undefined;
  /** The cloud controller manager has not come to it yet. */
  readonly isNew: boolean;
}

/** What a load balancer wants of the nodes that it sends to. */
export interface NodeWish {
  readonly families: readonly Family[];
  readonly needs: NodeNeed;
  /** Each must select the node. */
  readonly selectors: readonly LabelSelector[];
}

export function nodeFacts(node: Node): NodeFacts {
  const isNew = node.spec?.taints?.some(({ key }) => key === newNodeTaint) === true;
  return { target: target(node), labels: node.metadata.labels ?? {}, excludedBy: excludedBy(node), isNew };
}

/**
 * The nodes that a load balancer may send to; `nodes` are sorted by name. Whether a node is Ready plays no part: health
 * checks of the load balancer decide that within seconds, and a flapping kubelet must not churn it (KEP-3458).
 */
export function chooseNodes(nodes: readonly NodeFacts[], wish: NodeWish): NodeSet {
  const targets: NodeTarget[] = [];
  const excluded: ExcludedNode[] = [];
  for (const facts of nodes) {
    const by = facts.excludedBy ?? unwanted(facts, wish);
    if (by === undefined) targets.push(facts.target);
    else excluded.push({ name: facts.target.name, by });
  }
  return { targets, excluded };
}

/** Leaves out the targets for which `why` has a reason; the very same set when there is none. */
export function withoutTargets(set: NodeSet, why: (target: NodeTarget) => string | undefined): NodeSet {
  const targets: NodeTarget[] = [];
  const excluded: ExcludedNode[] = [...set.excluded];
  for (const one of set.targets) {
    const by = why(one);
    if (by === undefined) targets.push(one);
    else excluded.push({ name: one.name, by });
  }
  return targets.length === set.targets.length ? set : { targets, excluded };
}

/**
 * The targets with the addresses of these families at which a load balancer can be that shares them: in each family the
 * ExternalIPs, as clients are outside, and InternalIPs only when no node has one. The same set for the same set.
 */
export function withServingAddresses(set: NodeSet, families: readonly Family[]): NodeSet {
  const external = families.filter((family) =>
    set.targets.some(({ externalAddresses = [] }) => externalAddresses.some((ip) => ip.family === family)),
  );
  const excluded: ExcludedNode[] = [...set.excluded];
  const targets = set.targets.flatMap(({ addresses: internal, externalAddresses = [], ...rest }) => {
    const addresses = families.flatMap((family) =>
      (external.includes(family) ? externalAddresses : internal).filter((ip) => ip.family === family),
    );
    if (addresses.length > 0) return [{ ...rest, addresses }];
    excluded.push({ name: rest.name, by: "its lack of an ExternalIP, which other nodes have" });
    return [];
  });
  return { targets, excluded };
}

/**
 * Whether both states of a node mean the same to load balancers that were set up with the first one, labels that only
 * selectors ask for apart. Taints and deletion do not count: they take effect when something else changes, after health
 * checks have drained the node.
 */
export function looksTheSame(before: NodeFacts, after: NodeFacts): boolean {
  const [a, b] = [before, after].map(({ labels, target: { addresses, externalAddresses, ...rest } }) => [
    isExcluded(labels[excludeNodeLabel]),
    addresses.map(formatIp),
    externalAddresses?.map(formatIp),
    rest,
  ]);
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The keys of the labels in which two states of a node differ. */
export function changedLabels({ labels: a }: NodeFacts, { labels: b }: NodeFacts): readonly string[] {
  return Object.keys({ ...a, ...b }).filter((key) => a[key] !== b[key]);
}

/** Whether a selector asks for one of these labels. */
export function asksFor(selector: LabelSelector, keys: ReadonlySet<string>): boolean {
  const asked = [
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map(({ key }) => key),
  ];
  return asked.some((key) => keys.has(key));
}

function excludedBy({ metadata, spec }: Node): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return "deletionTimestamp";
  if (isExcluded(metadata.labels?.[excludeNodeLabel])) return excludeNodeLabel;
  return spec?.taints?.find(({ key }) => leavingTaints.includes(key))?.key;
}

/** As Go's strconv.ParseBool, except that what it cannot parse excludes (kubernetes#131085). */
function isExcluded(value: string | undefined): boolean {
  return value !== undefined && !["0", "f", "F", "false", "FALSE", "False"].includes(value);
}

function unwanted(
  { labels, target: node, isNew }: NodeFacts,
  { families, needs, selectors }: NodeWish,
): string | undefined {
  if (!selectors.every((selector) => selects(selector, labels))) return "the node selector";
  const has = (addresses: readonly Ip[] = []): boolean => addresses.some(({ family }) => families.includes(family));
  switch (needs) {
    case "providerID":
      if (node.providerId !== undefined) return undefined;
      return isNew ? newNodeTaint : withoutProviderId;
    case "internalIP":
      return has(node.addresses) ? undefined : `its lack of an InternalIP (${families.join(", ")})`;
    case "address":
      return has(node.addresses) || has(node.externalAddresses)
        ? undefined
        : `its lack of an address (${families.join(", ")})`;
    default:
      return assertNever(needs, "need");
  }
}

function target(node: Node): NodeTarget {
  const zone = node.metadata.labels?.[zoneLabel];
  const providerId = node.spec?.providerID;
  const externalAddresses = addressesOf(node, "ExternalIP");
  return {
    name: node.metadata.name ?? "",
    addresses: addressesOf(node, "InternalIP"),
    ...(externalAddresses.length === 0 ? {} : { externalAddresses }),
    ...(providerId === undefined ? {} : { providerId }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function addressesOf({ status }: Node, wanted: string): readonly Ip[] {
  return (status?.addresses ?? []).flatMap(({ type, address }) => (type === wanted ? (parseIp(address) ?? []) : []));
}
