type Lines = readonly string[];
type Shard = ReadonlyMap<string, Lines>;

/** About 60 chains in each when there are 10,000 Services with 5 endpoints. */
const shardCount = 1024;

const noShards: readonly undefined[] = Array<undefined>(shardCount).fill(undefined);

/** The tail of a name is where chains of Services differ: it is a hash. */
function shardOf(name: string): number {
  const end = name.length;
  const code = (back: number): number => (end < back ? 0 : name.charCodeAt(end - back));
  return ((code(3) * 31 + code(2)) * 31 + code(1)) % shardCount;
}

/**
 * Chain -> rules, at one moment. Maps that come one after the other share what did not change between them, so that
 * two of them are compared at the price of their difference (`differingChains`). Iterates in an order that depends
 * on nothing but the names.
 */
export class ChainMap implements ReadonlyMap<string, Lines> {
  readonly size: number;
  /** Rules of all chains together. */
  readonly rules: number;
  readonly #shards: readonly (Shard | undefined)[];

  constructor(shards: readonly (Shard | undefined)[], size: number, rules: number) {
    this.#shards = shards;
    this.size = size;
    this.rules = rules;
  }

  get(name: string): Lines | undefined {
    return this.#shards[shardOf(name)]?.get(name);
  }

  has(name: string): boolean {
    return this.#shards[shardOf(name)]?.has(name) ?? false;
  }

  forEach(callback: (lines: Lines, name: string, map: ReadonlyMap<string, Lines>) => void): void {
    for (const [name, lines] of this) callback(lines, name, this);
  }

  *entries(): Generator<[string, Lines], undefined, unknown> {
    for (const shard of this.#shards) if (shard !== undefined) yield* [...shard].sort(([a], [b]) => (a < b ? -1 : 1));
    return undefined;
  }

  /** The same in any order, which is a fraction of the work. */
  *unordered(): Generator<[string, Lines], undefined, unknown> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard;
    return undefined;
  }

  *keys(): Generator<string, undefined, unknown> {
    for (const [name] of this) yield name;
    return undefined;
  }

  *values(): Generator<Lines, undefined, unknown> {
    for (const [, lines] of this) yield lines;
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, Lines], undefined, unknown> {
    return this.entries();
  }

  /** A map in the making that begins with this one, which stays as it is. */
  edit(): ChainMapBuilder {
    return new ChainMapBuilder(this.#shards, this.size, this.rules);
  }

  /** Where alone names may be whose rules differ. */
  static differingShards(a: ChainMap, b: ChainMap): [Shard, Shard][] {
    const nothing: Shard = new Map();
    const pairs: [Shard, Shard][] = [];
    for (let i = 0; i < shardCount; i++) {
      const [one, other] = [a.#shards[i], b.#shards[i]];
      if (one !== other) pairs.push([one ?? nothing, other ?? nothing]);
    }
    return pairs;
  }
}

/** A chain map in the making. */
export class ChainMapBuilder {
  readonly #shards: (Shard | undefined)[];
  /** Shards that no other map shares. */
  readonly #own = new Map<number, Map<string, Lines>>();
  #size: number;
  #rules: number;

  constructor(shards: readonly (Shard | undefined)[] = noShards, size = 0, rules = 0) {
    this.#shards = [...shards];
    this.#size = size;
    this.#rules = rules;
  }

  /** Lines that say the same as before leave the map as it was. */
  set(name: string, lines: Lines): void {
    const index = shardOf(name);
    const before = this.#shards[index]?.get(name);
    if (sameLines(before, lines)) return;
    this.#writable(index).set(name, lines);
    this.#size += before === undefined ? 1 : 0;
    this.#rules += lines.length - (before?.length ?? 0);
  }

  delete(name: string): void {
    const index = shardOf(name);
    const before = this.#shards[index]?.get(name);
    if (before === undefined) return;
    this.#writable(index).delete(name);
    this.#size -= 1;
    this.#rules -= before.length;
  }

  snapshot(): ChainMap {
    this.#own.clear();
    return new ChainMap([...this.#shards], this.#size, this.#rules);
  }

  #writable(index: number): Map<string, Lines> {
    const own = this.#own.get(index);
    if (own !== undefined) return own;
    const copy = new Map(this.#shards[index]);
    this.#shards[index] = copy;
    this.#own.set(index, copy);
    return copy;
  }
}

/** As `ChainMap.edit`, at the price of a copy where the map is another. */
export function editChains(chains: ReadonlyMap<string, Lines>): ChainMapBuilder {
  if (chains instanceof ChainMap) return chains.edit();
  const builder = new ChainMapBuilder();
  for (const [chain, lines] of chains) builder.set(chain, lines);
  return builder;
}

/** Names of the chains that are in one map only or have other rules in the other, sorted. */
export function differingChains(before: ReadonlyMap<string, Lines>, after: ReadonlyMap<string, Lines>): string[] {
  const pairs: readonly (readonly [ReadonlyMap<string, Lines>, ReadonlyMap<string, Lines>])[] =
    before instanceof ChainMap && after instanceof ChainMap
      ? ChainMap.differingShards(before, after)
      : [[before, after]];
  const names: string[] = [];
  for (const [was, is] of pairs) {
    for (const [name, lines] of unordered(is)) if (!sameLines(was.get(name), lines)) names.push(name);
    for (const [name] of unordered(was)) if (!is.has(name)) names.push(name);
  }
  return names.sort();
}

function unordered(map: ReadonlyMap<string, Lines>): Iterable<[string, Lines]> {
  return map instanceof ChainMap ? map.unordered() : map;
}

export function sameLines(a: Lines | undefined, b: Lines | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** How many rules the chains hold. */
export function ruleTotal(chains: ReadonlyMap<string, Lines>): number {
  if (chains instanceof ChainMap) return chains.rules;
  let total = 0;
  for (const lines of chains.values()) total += lines.length;
  return total;
}
