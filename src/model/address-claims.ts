import { type Claimant, compareClaimants } from "./port-claims.ts";

/** What a load balancer would have: each of the ports on each of the addresses. */
export interface AddressClaim {
  readonly addresses: ReadonlySet<string>;
  /** `TCP port 80` */
  readonly ports: readonly string[];
}

/** An address that a load balancer does not get. */
export interface Loss {
  readonly address: string;
  /** The Service that has it. */
  readonly to: string;
  /** Those that both claim. */
  readonly ports: readonly string[];
}

interface Claim extends AddressClaim {
  readonly who: Claimant;
}

/**
 * Which load balancers get which addresses of those that they share. One gets an address with all of its ports or not
 * at all, as a name that resolves to it must lead to nobody else; the older one goes first, as with `PortClaims`. What
 * one does not get holds up nobody. No order of events matters.
 */
export class AddressClaims {
  readonly #claims = new Map<string, Claim>();
  /** Port -> the keys of those that claim it somewhere. */
  readonly #byPort = new Map<string, Set<string>>();

  /** Sets what a load balancer claims; undefined: nothing. Returns the others for which that may change something. */
  set(who: Claimant, claim: AddressClaim | undefined): ReadonlySet<string> {
    const before = this.#claims.get(who.key);
    const after = claim && { ...claim, who };
    if (isSame(before, after)) return new Set();
    const touched = before === undefined ? new Set<string>() : this.#younger(before);
    for (const port of before?.ports ?? []) this.#index(port, who.key, false);
    if (after === undefined) this.#claims.delete(who.key);
    else this.#claims.set(who.key, after);
    for (const port of after?.ports ?? []) this.#index(port, who.key, true);
    if (after === undefined) return touched;
    return touched.union(this.#younger(after));
  }

  forget(key: string): ReadonlySet<string> {
    const claim = this.#claims.get(key);
    return claim === undefined ? new Set() : this.set(claim.who, undefined);
  }

  /** What a load balancer does not get of what it claims. */
  losses(key: string): readonly Loss[] {
    const claim = this.#claims.get(key);
    if (claim === undefined) return [];
    const known = new Map<Claim, readonly Claim[]>();
    const older: Older = (one) => known.getOrInsertComputed(one, () => this.#older(one));
    return older(claim).length === 0
      ? []
      : [...claim.addresses].flatMap((address) => lossOf(claim, address, older) ?? []);
  }

  /** The oldest first. */
  #older(claim: Claim): readonly Claim[] {
    return this.#rivals(claim)
      .filter(({ who }) => compareClaimants(who, claim.who) < 0)
      .sort((a, b) => compareClaimants(a.who, b.who));
  }

  /** Those that come after it, and after these, with which it shares an address. */
  #younger(claim: Claim): Set<string> {
    const found = new Set<string>();
    const queue = [claim];
    for (let next = queue.pop(); next !== undefined; next = queue.pop())
      for (const rival of this.#rivals(next)) {
        if (found.has(rival.who.key) || compareClaimants(rival.who, next.who) < 0) continue;
        if (rival.addresses.isDisjointFrom(claim.addresses)) continue;
        found.add(rival.who.key);
        queue.push(rival);
      }
    return found;
  }

  #rivals({ who, ports }: Claim): readonly Claim[] {
    const keys = new Set(ports.flatMap((port) => [...(this.#byPort.get(port) ?? [])]));
    keys.delete(who.key);
    return [...keys].flatMap((key) => this.#claims.get(key) ?? []);
  }

  #index(port: string, key: string, claims: boolean): void {
    const keys = this.#byPort.getOrInsertComputed(port, () => new Set());
    if (claims) keys.add(key);
    else keys.delete(key);
    if (keys.size === 0) this.#byPort.delete(port);
  }
}

type Older = (claim: Claim) => readonly Claim[];

/** To an older one that has the address itself. Older and older: that ends. */
function lossOf(claim: Claim, address: string, older: Older): Loss | undefined {
  for (const other of older(claim)) {
    if (!other.addresses.has(address) || lossOf(other, address, older) !== undefined) continue;
    return { address, to: other.who.key, ports: claim.ports.filter((port) => other.ports.includes(port)) };
  }
  return undefined;
}

function isSame(a: Claim | undefined, b: Claim | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    compareClaimants(a.who, b.who) === 0 &&
    a.ports.join() === b.ports.join() &&
    (a.addresses === b.addresses || (a.addresses.size === b.addresses.size && a.addresses.isSubsetOf(b.addresses)))
  );
}
