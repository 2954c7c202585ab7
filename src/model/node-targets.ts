import { excludeNodeLabel, leavingTaints, type Node, zoneLabel } from "../api/index.ts";
import { formatIp, type Ip, parseIp } from "../net/index.ts";
import type { NodeTarget } from "./load-balancer.ts";

/** Why a node gets no external traffic: it is being deleted, a label says so, or a taint. */
export interface ExcludedNode {
  readonly name: string;
  /** `deletionTimestamp`, or the key of the label or the taint. */
  readonly by: string;
}

export interface NodeSet {
  /** Sorted by name. */
  readonly targets: readonly NodeTarget[];
  readonly excluded: readonly ExcludedNode[];
}

/**
 * The nodes that load balancers may send to. Whether a node is Ready plays no part: health checks of the load
 * balancer decide that within seconds, and a flapping kubelet must not churn it (KEP-3458).
 */
export function eligibleNodes(nodes: Iterable<Node>): NodeSet {
  const targets: NodeTarget[] = [];
  const excluded: ExcludedNode[] = [];
  for (const node of [...nodes].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const by = excludedBy(node);
    if (by === undefined) targets.push(target(node));
    else excluded.push({ name: nameOf(node), by });
  }
  return { targets, excluded };
}

/**
 * Whether both states of a node mean the same to load balancers that were set up with the first one. Taints and
 * deletion do not count: they take effect when something else changes, after health checks have drained the node.
 */
export function looksTheSame(before: Node, after: Node): boolean {
  const [a, b] = [before, after].map((node) => {
    const { addresses, ...rest } = target(node);
    return [isExcluded(node.metadata.labels?.[excludeNodeLabel]), addresses.map(formatIp), rest];
  });
  return JSON.stringify(a) === JSON.stringify(b);
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

function target(node: Node): NodeTarget {
  const zone = node.metadata.labels?.[zoneLabel];
  const providerId = node.spec?.providerID;
  return {
    name: nameOf(node),
    addresses: (node.status?.addresses ?? [])
      .filter(({ type }) => type === "InternalIP")
      .map(({ address }) => parseIp(address))
      .filter((ip): ip is Ip => ip !== undefined),
    ...(providerId === undefined ? {} : { providerId }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function nameOf(node: Node): string {
  return node.metadata.name ?? "";
}
