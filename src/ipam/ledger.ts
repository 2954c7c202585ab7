import { type Family, type Ip, ipEquals } from "../net/index.ts";
import { AddressUses } from "./address-uses.ts";
import type { AddressPool, Asker } from "./pool.ts";
import { PoolSet, type PoolSource, type PoolUsage } from "./pool-set.ts";
import {
  closed,
  exhausted,
  inUse,
  missing,
  namespaceUnknown,
  notInPool,
  poolNotFound,
  type Refusal,
  stray,
  type Verdict,
} from "./refusals.ts";

export interface AddressClaim {
  /** Who asks; one owner may hold several addresses. */
  readonly owner: string;
  readonly family: Family;
  /** The one that it wants; otherwise it keeps what it holds or gets the lowest free one. */
  readonly wanted?: Ip | undefined;
  /** The pool that it wants one of; otherwise any that is for it. */
  readonly pool?: string | undefined;
  /** It has begun to want another pool, so that what no pool has any more does not stay with it. */
  readonly leaves?: boolean;
  readonly asker: Asker;
}

export type ClaimResult =
  /** `stray`: no pool has it any more, says a text for people; it stays all the same. */
  { readonly ip: Ip; readonly stray?: string } | Refusal;

/**
 * Who holds which address. Invariant: an address has at most one owner, and only what a pool has, that is for the
 * asker, is given away. What was in use before must be adopted before the first claim; it stays with its owner even
 * when no pool has it, since taking it away would cut off its clients.
 */
export class AddressLedger {
  readonly #uses = new AddressUses();
  readonly #held = new Map<string, readonly Ip[]>();
  /** What Services of other controllers use, by their UID. */
  readonly #foreign = new Map<string, readonly Ip[]>();
  #pools = this.#poolSet([]);

  /** Replaces all pools. What they gave stays where it is. */
  setPools(pools: readonly AddressPool[]): void {
    this.#pools = this.#poolSet(pools);
    for (const ip of this.#uses.taken()) this.#pools.noteTaken(ip);
  }

  usageOf(pool: string): PoolUsage | undefined {
    return this.#pools.usageOf(pool);
  }

  ownerOf(ip: Ip): string | undefined {
    return this.#uses.ownerOf(ip);
  }

  /** The addresses of an owner, in the order in which it got them. */
  heldBy(owner: string): readonly Ip[] {
    return this.#held.get(owner) ?? [];
  }

  /** Owners of an address that no pool has. */
  strays(): ReadonlySet<string> {
    const strays = new Set<string>();
    for (const [owner, held] of this.#held) if (held.some((ip) => !this.#pools.has(ip))) strays.add(owner);
    return strays;
  }

  /** Notes that the address is in use; false when it belongs to somebody else already. */
  adopt(owner: string, ip: Ip): boolean {
    const holder = this.ownerOf(ip);
    if (holder === undefined) this.#give(owner, ip);
    return holder === undefined || holder === owner;
  }

  /** Notes all that a Service of another controller uses now; true when something is free for it. */
  noteForeign(user: string, addresses: readonly Ip[]): boolean {
    const before = this.#foreign.get(user) ?? [];
    for (const ip of addresses) this.#use(ip, () => this.#uses.addForeign(ip, user));
    const left = before.filter((ip) => !addresses.some((other) => ipEquals(ip, other)));
    for (const ip of left) this.#use(ip, () => this.#uses.removeForeign(ip, user));
    if (addresses.length === 0) this.#foreign.delete(user);
    else this.#foreign.set(user, addresses);
    return left.some((ip) => !this.#uses.isTaken(ip));
  }

  /** A Service of another controller has become ours, and keeps what it has. */
  adoptForeign(owner: string): void {
    for (const ip of this.#foreign.get(owner) ?? []) this.adopt(owner, ip);
    this.noteForeign(owner, []);
  }

  claim(claim: AddressClaim): ClaimResult {
    const kept = this.#kept(claim);
    if (kept !== undefined) return this.#pools.has(kept) ? { ip: kept } : { ip: kept, stray: stray(kept) };
    return claim.wanted === undefined ? this.#claimAny(claim) : this.#claimWanted(claim, claim.wanted);
  }

  /** Gives back whatever the owner holds, except `keep`; true when something is free for it. */
  release(owner: string, keep: readonly Ip[] = []): boolean {
    const held = this.heldBy(owner);
    const kept = held.filter((ip) => keep.some((other) => ipEquals(ip, other)));
    if (kept.length === held.length) return false;
    if (kept.length === 0) this.#held.delete(owner);
    else this.#held.set(owner, kept);
    const left = held.filter((ip) => !kept.includes(ip));
    for (const ip of left) this.#use(ip, () => this.#uses.setOwner(ip, undefined));
    return left.some((ip) => !this.#uses.isTaken(ip));
  }

  /** What the owner holds and may go on holding. */
  #kept({ owner, family, wanted, pool, leaves = false }: AddressClaim): Ip | undefined {
    const held = this.heldBy(owner).filter((ip) =>
      wanted === undefined ? ip.family === family : ipEquals(ip, wanted),
    );
    if (pool === undefined) return held[0];
    const mayStray = !leaves || this.#pools.sources(pool).length === 0;
    return (
      held.find((ip) => this.#pools.has(ip, pool)) ?? (mayStray ? held.find((ip) => !this.#pools.has(ip)) : undefined)
    );
  }

  #claimWanted({ owner, pool, asker }: AddressClaim, ip: Ip): ClaimResult {
    const sources = this.#pools.sources(pool);
    if (pool !== undefined && sources.length === 0) return poolNotFound(pool);
    const verdicts = verdictsOf(
      sources.filter(({ pool: { name } }) => this.#pools.has(ip, name)),
      asker,
    );
    if (verdicts.length === 0) return notInPool(ip, pool, sources);
    if (verdicts.every(({ admits }) => admits !== "admitted"))
      return verdicts.some(({ admits }) => admits === "unknown") ? namespaceUnknown : closed(verdicts);
    if (this.#uses.isTaken(ip)) return inUse(ip);
    this.#give(owner, ip);
    return { ip };
  }

  #claimAny({ owner, family, pool, asker }: AddressClaim): ClaimResult {
    const sources = this.#pools.sources(pool);
    if (pool !== undefined && sources.length === 0) return poolNotFound(pool);
    const verdicts = verdictsOf(
      sources.filter((source) => source.hasFamily(family)),
      asker,
    );
    for (const { source, admits } of verdicts) {
      // A pool that may be for it comes before those behind.
      if (admits === "unknown") return namespaceUnknown;
      const ip = admits === "admitted" ? source.lowestFree(family) : undefined;
      if (ip === undefined) continue;
      this.#give(owner, ip);
      return { ip };
    }
    const admitted = verdicts.filter(({ admits }) => admits === "admitted");
    if (admitted.length > 0)
      return exhausted(
        family,
        admitted.map(({ source }) => source),
      );
    return pool === undefined || verdicts.length === 0 ? missing(family, verdicts) : closed(verdicts);
  }

  #give(owner: string, ip: Ip): void {
    this.#use(ip, () => this.#uses.setOwner(ip, owner));
    this.#held.set(owner, [...this.heldBy(owner), ip]);
  }

  /** Changes who uses the address, and tells the pools if that makes it taken or free. */
  #use(ip: Ip, change: () => void): void {
    const before = this.#uses.isTaken(ip);
    change();
    const after = this.#uses.isTaken(ip);
    if (!before && after) this.#pools.noteTaken(ip);
    if (before && !after) this.#pools.noteFree(ip);
  }

  #poolSet(pools: readonly AddressPool[]): PoolSet {
    return new PoolSet(pools, (ip) => this.#uses.isTaken(ip));
  }
}

function verdictsOf(sources: readonly PoolSource[], asker: Asker): readonly Verdict[] {
  return sources.map((source) => ({ source, admits: source.admits(asker) }));
}
