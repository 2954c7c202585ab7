import { annotations, type Service, type ServiceSpec } from "../api/index.ts";
import { type Family, formatCidr } from "../net/index.ts";
import { readPrefix } from "./addresses.ts";
import { quoted } from "./writable.ts";

export interface SourceRanges {
  /** Prefixes in canonical form, in the order given; undefined: everybody may send, empty: nobody. */
  readonly ranges: readonly string[] | undefined;
  /** Why some of what was asked for lets nobody in. */
  readonly why: string | undefined;
}

/**
 * `spec.loadBalancerSourceRanges` in one family. A family without a range of its own is open, and a prefix of length 0
 * opens it, as in kube-proxy. A range that does not parse lets nobody in and could be meant for either family: it never
 * turns "these only" into "everybody", which kube-proxy makes of it.
 */
export function sourceRanges({ loadBalancerSourceRanges }: ServiceSpec, family: Family): SourceRanges {
  const found = (loadBalancerSourceRanges ?? []).map((text) => ({ text, range: readPrefix(text) }));
  const own = found.flatMap(({ range }) => (range?.base.family === family ? [range] : []));
  const unread = found.filter(({ range }) => range === undefined).map(({ text }) => quoted(text));
  if (own.some(({ prefix }) => prefix === 0) || own.length + unread.length === 0)
    return { ranges: undefined, why: undefined };
  return {
    ranges: [...new Set(own.map(formatCidr))],
    why: unread.length === 0 ? undefined : `source range ${unread.join(", ")} is no prefix, so it lets nobody in`,
  };
}

/**
 * Whether the ranges hold for NodePorts as well, which the Service's annotation asks for. What is neither true nor false
 * counts as true: who wrote it wants a filter, and a port that is closed is noticed where one that is open is not.
 */
export function holdOnNodePorts({ metadata }: Service): { readonly wanted: boolean; readonly why: string | undefined } {
  const text = metadata.annotations?.[annotations.sourceRangesOnNodePorts] ?? "false";
  if (text === "true" || text === "false") return { wanted: text === "true", why: undefined };
  const annotation = `annotation ${annotations.sourceRangesOnNodePorts}`;
  const why = `not to sources outside the source ranges: ${annotation} is ${quoted(text)}, neither true nor false, and counts as true`;
  return { wanted: true, why };
}
