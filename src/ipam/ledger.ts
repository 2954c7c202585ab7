import { type Cidr, cidrAddressAt, cidrSize, type Family, formatIp, type Ip, ipEquals } from "../net/index.ts";
import { type AddressPool, describePool, isUsable, lowestFree } from "./pool.ts";

export interface AddressClaim {
  /** Who asks; one owner may hold several addresses. */
  readonly owner: string;
  readonly family: Family;
  /** The one that it wants; otherwise it keeps what it holds or gets the lowest free one. */
  readonly wanted?: Ip | undefined;
}

export type ClaimResult =
  | { readonly ip: Ip }
  /** `reason` is CamelCase, `message` says what a person can do. */
  | { readonly refused: "AddressNotInPool" | "AddressInUse" | "AddressPoolExhausted"; readonly message: string };

/**
 * Who holds which address of a pool. Invariant: an address has at most one owner, and only usable addresses of the
 * pool are given away. What was in use before must be adopted before the first claim; it stays with its owner even
 * when the pool no longer has it, since taking it away would cut off its clients.
 */
export class AddressLedger {
  readonly #pool: AddressPool;
  readonly #owners = new Map<string, string>();
  readonly #held = new Map<string, readonly Ip[]>();
  /** Per prefix: below this offset nothing is free. Keeps filling a large pool from being quadratic. */
  readonly #full = new Map<Cidr, bigint>();

  constructor(pool: AddressPool) {
    this.#pool = pool;
  }

  ownerOf(ip: Ip): string | undefined {
    return this.#owners.get(formatIp(ip));
  }

  /** The addresses of an owner, in the order in which it got them. */
  heldBy(owner: string): readonly Ip[] {
    return this.#held.get(owner) ?? [];
  }

  /** Notes that the address is in use; false when it belongs to somebody else already. */
  adopt(owner: string, ip: Ip): boolean {
    const holder = this.ownerOf(ip);
    if (holder === undefined) this.#give(owner, ip);
    return holder === undefined || holder === owner;
  }

  claim({ owner, family, wanted }: AddressClaim): ClaimResult {
    if (wanted !== undefined) return this.#claimWanted(owner, wanted);
    const held = this.heldBy(owner).find((ip) => ip.family === family);
    if (held !== undefined) return { ip: held };
    const ip = this.#lowestFree(family);
    if (ip === undefined) {
      const message = `no ${family} address is free; ${describePool(this.#pool, family)}; add another --address-pool`;
      return { refused: "AddressPoolExhausted", message };
    }
    this.#give(owner, ip);
    return { ip };
  }

  /** Gives back whatever the owner holds, except `keep`. */
  release(owner: string, keep: readonly Ip[] = []): void {
    const kept = this.heldBy(owner).filter((ip) => keep.some((other) => ipEquals(ip, other)));
    if (kept.length === this.heldBy(owner).length) return;
    for (const ip of this.heldBy(owner)) this.#owners.delete(formatIp(ip));
    this.#held.delete(owner);
    this.#full.clear();
    for (const ip of kept) this.#give(owner, ip);
  }

  #claimWanted(owner: string, ip: Ip): ClaimResult {
    const holder = this.ownerOf(ip);
    if (holder === owner) return { ip };
    if (!isUsable(this.#pool, ip)) {
      const message = `${formatIp(ip)} is not among the addresses that may be used; ${describePool(this.#pool, ip.family)}`;
      return { refused: "AddressNotInPool", message };
    }
    if (holder !== undefined)
      return { refused: "AddressInUse", message: `${formatIp(ip)} belongs to another Service; ask for another one` };
    this.#give(owner, ip);
    return { ip };
  }

  #lowestFree(family: Family): Ip | undefined {
    for (const prefix of this.#pool.prefixes) {
      if (prefix.base.family !== family) continue;
      const offset = lowestFree(prefix, this.#full.get(prefix) ?? 0n, (ip) => this.ownerOf(ip) !== undefined);
      this.#full.set(prefix, offset ?? cidrSize(prefix));
      if (offset !== undefined) return cidrAddressAt(prefix, offset);
    }
    return undefined;
  }

  #give(owner: string, ip: Ip): void {
    this.#owners.set(formatIp(ip), owner);
    this.#held.set(owner, [...this.heldBy(owner), ip]);
  }
}
