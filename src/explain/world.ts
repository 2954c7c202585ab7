import type {
  EndpointSlice,
  Event,
  Lease,
  LoadBalancerClass,
  LoadBalancerRecord,
  Namespace,
  Node,
  Service,
} from "../api/index.ts";

/** Objects that could not be read: why, and what would help. */
export interface Unread {
  readonly unread: string;
}

export type Part<T> = readonly T[] | Unread;

/** What an API server says about one Service. Kinds that it does not serve are empty. */
export interface World {
  /** When it was read, in milliseconds since the epoch. */
  readonly now: number;
  readonly services: readonly Service[];
  /** Those of the Service. */
  readonly slices: Part<EndpointSlice>;
  readonly nodes: Part<Node>;
  /** At least that of the Service. */
  readonly namespaces: Part<Namespace>;
  readonly classes: Part<LoadBalancerClass>;
  readonly records: Part<LoadBalancerRecord>;
  /** Of `berth-node-lease`. */
  readonly leases: Part<Lease>;
  /** About the Service. */
  readonly events: Part<Event>;
}

export function isUnread(part: Part<unknown>): part is Unread {
  return "unread" in part;
}

/** What was read; nothing when nothing could be. */
export function readOf<T>(part: Part<T>): readonly T[] {
  return isUnread(part) ? [] : part;
}

/** Seconds since a time of the API; undefined when it is none. */
export function secondsSince(time: string | undefined, now: number): number | undefined {
  const at = Date.parse(time ?? "");
  return Number.isNaN(at) ? undefined : Math.max(0, Math.round((now - at) / 1000));
}
