import type { Family, Ip } from "../net/index.ts";
import { FreeAddresses } from "./free-addresses.ts";
import {
  type AddressPool,
  type Asker,
  admission,
  byPreference,
  type Overlap,
  overlapsOf,
  poolContains,
} from "./pool.ts";
import { type AddressRange, rangeContains, rangeSize } from "./range.ts";

export interface PoolUsage {
  readonly used: number;
  readonly free: bigint;
  /** Set: the pool gives nothing. */
  readonly overlap: Overlap | undefined;
}

/** Pools, and how far each is used up. Who has the addresses is not its business. */
export class PoolSet {
  /** In the order in which they are asked. */
  readonly #sources: readonly PoolSource[];

  /** `isTaken` agrees with what `noteTaken` and `noteFree` are told. */
  constructor(pools: readonly AddressPool[], isTaken: (ip: Ip) => boolean) {
    const overlaps = overlapsOf(pools);
    this.#sources = pools.toSorted(byPreference).map((pool) => new PoolSource(pool, overlaps.get(pool.name), isTaken));
  }

  noteTaken(ip: Ip): void {
    for (const source of this.#homes(ip)) source.noteTaken();
  }

  noteFree(ip: Ip): void {
    for (const source of this.#homes(ip)) source.noteFree(ip);
  }

  /** Whether the pool of this name, or any at all, has the address, given away or not. */
  has(ip: Ip, name?: string): boolean {
    return this.#homes(ip).some(({ pool }) => name === undefined || pool.name === name);
  }

  /** All of them, or that of this name, which may be none. */
  sources(name: string | undefined): readonly PoolSource[] {
    return name === undefined ? this.#sources : this.#sources.filter(({ pool }) => pool.name === name);
  }

  usageOf(name: string): PoolUsage | undefined {
    return this.sources(name)[0]?.usage;
  }

  #homes(ip: Ip): readonly PoolSource[] {
    return this.#sources.filter(({ pool }) => poolContains(pool, ip));
  }
}

/** One pool as something that gives addresses. */
export class PoolSource {
  readonly pool: AddressPool;
  readonly #overlap: Overlap | undefined;
  readonly #parts: readonly { readonly range: AddressRange; readonly free: FreeAddresses }[];
  #used = 0;

  constructor(pool: AddressPool, overlap: Overlap | undefined, isTaken: (ip: Ip) => boolean) {
    this.pool = pool;
    this.#overlap = overlap;
    this.#parts = pool.ranges.map((range) => {
      const { family } = range;
      return { range, free: new FreeAddresses(range, (value) => isTaken({ family, value })) };
    });
  }

  noteTaken(): void {
    this.#used++;
  }

  noteFree(ip: Ip): void {
    this.#used--;
    for (const { range, free } of this.#parts) if (rangeContains(range, ip)) free.giveBack(ip.value);
  }

  hasFamily(family: Family): boolean {
    return this.#parts.some(({ range }) => range.family === family);
  }

  /** Whether the Service may be given an address of it; `unknown`: that depends on what is not known yet. */
  admits(asker: Asker): "admitted" | "unknown" | { readonly why: string } {
    if (this.pool.disabled) return { why: "it is disabled" };
    if (this.#overlap !== undefined) return { why: `it overlaps with the older pool ${this.#overlap.otherPool}` };
    return admission(this.pool, asker);
  }

  lowestFree(family: Family): Ip | undefined {
    for (const { range, free } of this.#parts) {
      const value = range.family === family ? free.lowest() : undefined;
      if (value !== undefined) return { family, value };
    }
    return undefined;
  }

  get usage(): PoolUsage {
    const size = this.#parts.reduce((sum, { range }) => sum + rangeSize(range), 0n);
    return { used: this.#used, free: size - BigInt(this.#used), overlap: this.#overlap };
  }
}
