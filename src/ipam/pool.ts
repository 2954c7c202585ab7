import { type IPAddressPool, type LabelSelector, selects } from "../api/index.ts";
import type { Ip } from "../net/index.ts";
import { type AddressRange, parseRange, rangeContains, rangesOverlap, withoutRepeats } from "./range.ts";

/** Addresses that load balancers get, and who may have them. */
export interface AddressPool {
  readonly name: string;
  /** RFC 3339; of two pools with one address the older one has it. Empty: older than all. */
  readonly createdAt: string;
  /** Used up in this order; no address is in two of them. */
  readonly ranges: readonly AddressRange[];
  /** Higher first. */
  readonly priority: number;
  readonly disabled: boolean;
  readonly namespaceSelector: LabelSelector | undefined;
  readonly serviceSelector: LabelSelector | undefined;
  readonly loadBalancerClasses: readonly string[] | undefined;
}

export type Labels = Readonly<Record<string, string>>;

/** Who wants an address, as far as pools choose by it. */
export interface Asker {
  /** Undefined: not known yet. */
  readonly namespaceLabels: Labels | undefined;
  readonly serviceLabels: Labels;
  readonly loadBalancerClass: string;
}

/** An address of a pool that an older one has too. */
export interface Overlap {
  readonly range: string;
  readonly otherPool: string;
  readonly otherRange: string;
}

/** A pool for everybody that was there before all others. */
export function openPool(name: string, ranges: readonly AddressRange[]): AddressPool {
  const forAll = { namespaceSelector: undefined, serviceSelector: undefined, loadBalancerClasses: undefined };
  return { name, createdAt: "", ranges: withoutRepeats(ranges), priority: 0, disabled: false, ...forAll };
}

/** The pool of an object; `invalid` are the ranges that are none and do not count. */
export function readPool({ metadata, spec }: IPAddressPool): {
  readonly pool: AddressPool;
  readonly invalid: readonly string[];
} {
  const parsed = spec.ranges.map((text) => ({ text, range: parseRange(text) }));
  return {
    pool: {
      name: metadata.name ?? "",
      createdAt: metadata.creationTimestamp ?? "",
      ranges: withoutRepeats(parsed.flatMap(({ range }) => range ?? [])),
      priority: spec.priority ?? 0,
      disabled: spec.disabled ?? false,
      namespaceSelector: spec.namespaceSelector,
      serviceSelector: spec.serviceSelector,
      loadBalancerClasses: spec.loadBalancerClasses,
    },
    invalid: parsed.filter(({ range }) => range === undefined).map(({ text }) => text),
  };
}

export function poolContains({ ranges }: AddressPool, ip: Ip): boolean {
  return ranges.some((range) => rangeContains(range, ip));
}

/** Higher priority first, then by name. */
export function byPreference(a: AddressPool, b: AddressPool): number {
  return b.priority - a.priority || (a.name < b.name ? -1 : 1);
}

/**
 * By name, the pools that give nothing as an older pool has some of their addresses (as Cilium's LB-IPAM): one bad pool
 * does not stop the others. A pool that gives nothing itself stands in nobody's way.
 */
export function overlapsOf(pools: readonly AddressPool[]): ReadonlyMap<string, Overlap> {
  const overlaps = new Map<string, Overlap>();
  const owned: { readonly range: AddressRange; readonly pool: string }[] = [];
  for (const { name, ranges } of pools.toSorted(byAge)) {
    const overlap = ranges
      .flatMap((range) => ({ range, other: owned.find((older) => rangesOverlap(older.range, range)) }))
      .find(({ other }) => other !== undefined);
    if (overlap?.other === undefined) owned.push(...ranges.map((range) => ({ range, pool: name })));
    else {
      const { range, other } = overlap;
      overlaps.set(name, { range: range.text, otherPool: other.pool, otherRange: other.range.text });
    }
  }
  return overlaps;
}

function byAge(a: AddressPool, b: AddressPool): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** Whether the pool is for this Service; a text says why not. */
export function admission(pool: AddressPool, asker: Asker): "admitted" | "unknown" | { readonly why: string } {
  const { loadBalancerClasses, serviceSelector, namespaceSelector } = pool;
  if (loadBalancerClasses?.includes(asker.loadBalancerClass) === false)
    return { why: `it is not for the class ${asker.loadBalancerClass}` };
  if (serviceSelector !== undefined && !selects(serviceSelector, asker.serviceLabels))
    return { why: "its serviceSelector does not select the Service" };
  if (namespaceSelector === undefined) return "admitted";
  if (asker.namespaceLabels === undefined) return "unknown";
  return selects(namespaceSelector, asker.namespaceLabels)
    ? "admitted"
    : { why: "its namespaceSelector does not select the namespace" };
}
