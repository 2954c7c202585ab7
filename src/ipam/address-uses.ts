import type { Family, Ip } from "../net/index.ts";

/** Somebody uses an address; at least one of the two is there. */
interface Use {
  /** Who got it from us. */
  owner: string | undefined;
  /** Services of other controllers whose status names it. */
  readonly foreign: Set<string>;
}

/** Which addresses are in use, and by whom. */
export class AddressUses {
  readonly #uses: Readonly<Record<Family, Map<bigint, Use>>> = { IPv4: new Map(), IPv6: new Map() };

  isTaken({ family, value }: Ip): boolean {
    return this.#uses[family].has(value);
  }

  ownerOf({ family, value }: Ip): string | undefined {
    return this.#uses[family].get(value)?.owner;
  }

  *taken(): Iterable<Ip> {
    for (const family of ["IPv4", "IPv6"] as const)
      for (const value of this.#uses[family].keys()) yield { family, value };
  }

  /** Undefined: it has no owner any more. */
  setOwner(ip: Ip, owner: string | undefined): void {
    this.#change(ip, (use) => {
      use.owner = owner;
    });
  }

  addForeign(ip: Ip, user: string): void {
    this.#change(ip, ({ foreign }) => foreign.add(user));
  }

  removeForeign(ip: Ip, user: string): void {
    this.#change(ip, ({ foreign }) => foreign.delete(user));
  }

  #change({ family, value }: Ip, change: (use: Use) => void): void {
    const uses = this.#uses[family];
    const use = uses.get(value) ?? { owner: undefined, foreign: new Set() };
    change(use);
    if (use.owner === undefined && use.foreign.size === 0) uses.delete(value);
    else uses.set(value, use);
  }
}
