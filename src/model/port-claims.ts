import type { Service } from "../api/index.ts";
import type { Family } from "../net/index.ts";
import { type FrontendGuard, isOnNode } from "./frontend-guard.ts";
import type { Frontend } from "./frontends.ts";
import type { ProxiedPort, ProxiedService } from "./proxied-service.ts";

/** One address, protocol and port, or one port of the node: only one Service can have it. */
type ClaimId = string;

/** Who claims, and what decides between two. */
export interface Claimant {
  /** `namespace/name`. */
  readonly key: string;
  /** RFC 3339 in UTC, as the API server writes it: sorts as text. */
  readonly createdAt: string;
  readonly uid: string;
}

/** What a Service lays claim to. */
export interface Claims {
  /** Given to it by the API server, which gives nothing twice: ClusterIPs, node ports. */
  readonly assigned: readonly ClaimId[];
  /** What others wrote into the Service: external IPs, load-balancer addresses. */
  readonly asked: readonly ClaimId[];
  /** Of those, the ones on an address of the node -> the port of the node that another Service may be known by. */
  readonly onNode: ReadonlyMap<ClaimId, ClaimId>;
}

interface Bid {
  readonly claimant: Claimant;
  readonly assigned: boolean;
}

export function claimantOf({ metadata }: Service, key: string): Claimant {
  return { key, createdAt: metadata.creationTimestamp ?? "", uid: metadata.uid ?? "" };
}

/** On the node's own addresses a frontend would take a port away from the Service whose node port it is. */
export function claimsOf({ ports }: ProxiedService, guard: FrontendGuard): Claims {
  let assigned = none;
  let asked = none;
  let onNode = nowhere;
  for (const port of ports) {
    for (const frontend of port.frontends) {
      const id = claimOf(port, frontend);
      if (frontend.kind === "ClusterIP" || frontend.kind === "NodePort") {
        assigned = assigned.concat(id);
      } else if (!asked.includes(id)) {
        asked = asked.concat(id);
        if (isOnNode(frontend, guard)) onNode = new Map([...onNode, [id, nodePortOf(port, frontend)]]);
      }
    }
    if (port.healthCheckNodePort !== 0)
      assigned = assigned.concat(nodeClaim(port.family, "TCP", port.healthCheckNodePort));
  }
  return { assigned, asked, onNode };
}

/** Most Services have nothing of these; lists grow by `concat`, which leaves no room for more. */
const none: readonly ClaimId[] = [];
const nowhere: ReadonlyMap<ClaimId, ClaimId> = new Map();

function claimOf(port: ProxiedPort, frontend: Frontend): ClaimId {
  return frontend.address === undefined
    ? nodePortOf(port, frontend)
    : `${frontend.address} ${port.protocol} ${frontend.port}`;
}

function nodePortOf({ family, protocol }: ProxiedPort, { port }: Frontend): ClaimId {
  return nodeClaim(family, protocol, port);
}

function nodeClaim(family: Family, protocol: string, port: number): ClaimId {
  return `${family} ${protocol} ${port}`;
}

/**
 * Who has what, of all Services of a node. What the API server assigned goes before what is asked for, or whoever may
 * write `externalIPs` could sit and wait on a ClusterIP that is not assigned yet; then the older Service, then the
 * smaller UID. No order of events matters, so all nodes decide alike.
 */
export class PortClaims {
  readonly #claims = new Map<string, Claims>();
  /** The best first; almost always one. */
  readonly #bids = new Map<ClaimId, readonly Bid[]>();
  /** Port of the node -> the Services that have a frontend of that port on an address of the node. */
  readonly #onNode = new Map<ClaimId, ReadonlySet<string>>();

  /** Sets what a Service claims; undefined: nothing. Returns the other Services for which that changes something. */
  set(who: Claimant, claims: Claims | undefined): ReadonlySet<string> {
    const { key } = who;
    const before = this.#claims.get(key);
    if (claims === undefined) this.#claims.delete(key);
    else this.#claims.set(key, claims);
    const touched = new Set<string>();
    const bids = new Map<ClaimId, Bid | undefined>();
    for (const id of [...(before?.assigned ?? none), ...(before?.asked ?? none)]) bids.set(id, undefined);
    for (const assigned of [false, true]) {
      const bid = { claimant: who, assigned };
      for (const id of (assigned ? claims?.assigned : claims?.asked) ?? none) bids.set(id, bid);
    }
    for (const [id, bid] of bids) this.#bid(id, key, bid, touched);
    for (const port of before?.onNode.values() ?? none) this.#watch(port, key, false);
    for (const port of claims?.onNode.values() ?? none) this.#watch(port, key, true);
    touched.delete(key);
    return touched;
  }

  /** Why this Service may not have the frontend; undefined when it may. */
  objection(key: string, port: ProxiedPort, frontend: Frontend): string | undefined {
    const id = claimOf(port, frontend);
    const bids = this.#bids.get(id) ?? [];
    const [winner] = bids;
    if (winner !== undefined && winner.claimant.key !== key) {
      const own = bids.find(({ claimant }) => claimant.key === key);
      const { key: other, createdAt } = winner.claimant;
      if (winner.assigned && own?.assigned !== true) return `the API server gave it to Service ${other}`;
      // Times of creation have whole seconds.
      return own?.claimant.createdAt === createdAt
        ? `Service ${other} has it: it was created in the same second and has the smaller UID`
        : `Service ${other} has it and is older`;
    }
    const nodePort = this.#claims.get(key)?.onNode.get(id);
    const owner = nodePort === undefined ? undefined : this.#bids.get(nodePort)?.[0]?.claimant.key;
    return owner === undefined || owner === key ? undefined : `it is a node port of Service ${owner}`;
  }

  #bid(id: ClaimId, key: string, bid: Bid | undefined, touched: Set<string>): void {
    const before = this.#bids.get(id) ?? [];
    const others = before.filter(({ claimant }) => claimant.key !== key);
    const after = bid === undefined ? others : others.concat(bid).sort(compareBids);
    if (after.length === 0) this.#bids.delete(id);
    else this.#bids.set(id, after);
    if (isSame(before[0], after[0])) return;
    for (const { claimant } of [...before, ...after]) touched.add(claimant.key);
    for (const other of this.#onNode.get(id) ?? []) touched.add(other);
  }

  #watch(port: ClaimId, key: string, watches: boolean): void {
    const watchers = new Set(this.#onNode.get(port));
    if (watches) watchers.add(key);
    else watchers.delete(key);
    if (watchers.size === 0) this.#onNode.delete(port);
    else this.#onNode.set(port, watchers);
  }
}

function compareBids(a: Bid, b: Bid): number {
  if (a.assigned !== b.assigned) return a.assigned ? -1 : 1;
  return compareClaimants(a.claimant, b.claimant);
}

/** Who goes first: the older one, then the smaller UID. */
export function compareClaimants(a: Claimant, b: Claimant): number {
  return compare(a.createdAt, b.createdAt) || compare(a.uid, b.uid) || compare(a.key, b.key);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSame(a: Bid | undefined, b: Bid | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && compareBids(a, b) === 0);
}
