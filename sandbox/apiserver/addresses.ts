import type { Service } from "../../src/api/index.ts";
import type { Random } from "../../src/base/index.ts";
import {
  type Cidr,
  cidrContains,
  cidrSize,
  type Family,
  formatIp,
  type PortRange,
  parseSloppyIp,
} from "../../src/net/index.ts";
import { type NumberRange, nextFree, staticBand } from "./allocator.ts";

export interface ServiceRanges {
  /** One prefix, or one of each family; the first gives the default family. */
  readonly cidrs: readonly Cidr[];
  readonly nodePorts: PortRange;
}

/** A request that cannot be met, in the words of the allocators of kube-apiserver. */
export class AllocationError extends Error {
  override readonly name = "AllocationError";
}

/** The first address of a prefix that a Service may have: the one behind the network address. */
function usable(cidr: Cidr): { first: bigint; size: bigint } {
  // The network address is never used, nor the broadcast address of IPv4.
  const lost = cidr.base.family === "IPv4" ? 2n : 1n;
  return { first: cidr.base.value + 1n, size: cidrSize(cidr) - lost };
}

/** The addresses and node ports that Services hold, told by the store; every request only reads them. */
export class ServiceAddresses {
  readonly defaultFamily: Family;
  readonly families: ReadonlySet<Family>;
  readonly #ranges = new Map<Family, { cidr: Cidr; numbers: NumberRange }>();
  readonly #ports: NumberRange;
  readonly #portRange: PortRange;
  readonly #random: Random;
  /** How many Services hold a value: a node port may serve two protocols of one Service. */
  readonly #taken = new Map<string, number>();

  constructor({ cidrs, nodePorts }: ServiceRanges, random: Random) {
    this.#random = random;
    this.#portRange = nodePorts;
    for (const cidr of cidrs) {
      const { first, size } = usable(cidr);
      const band = staticBand(cidrSize(cidr), { min: 16n, max: 256n, step: 16n });
      this.#ranges.set(cidr.base.family, { cidr, numbers: { first, size, staticBand: band < size ? band : 0n } });
    }
    this.families = new Set(this.#ranges.keys());
    this.defaultFamily = cidrs[0]?.base.family ?? "IPv4";
    const size = BigInt(nodePorts.last - nodePorts.first + 1);
    const band = staticBand(size, { min: 16n, max: 128n, step: 32n });
    this.#ports = { first: BigInt(nodePorts.first), size, staticBand: band };
  }

  /** The address of the `kubernetes` Service: the first of the first range. */
  firstAddress(family: Family): string | undefined {
    const range = this.#ranges.get(family);
    return range && formatIp({ family, value: range.numbers.first });
  }

  hold(service: Service): void {
    this.#count(service, 1);
  }

  release(service: Service): void {
    this.#count(service, -1);
  }

  #count(service: Service, by: number): void {
    for (const value of heldBy(service)) {
      const count = (this.#taken.get(value) ?? 0) + by;
      if (count > 0) this.#taken.set(value, count);
      else this.#taken.delete(value);
    }
  }

  /** For a write that is not meant, the allocators of kube-apiserver look less closely. */
  request(dryRun = false): AddressRequest {
    return new AddressRequest(this.#ranges, this.#ports, this.#portRange, this.#random, this.#taken, dryRun);
  }
}

function heldBy({ spec }: Service): ReadonlySet<string> {
  const addresses = (spec?.clusterIPs ?? []).filter((address) => address !== "None" && address !== "");
  const ports = [...(spec?.ports ?? []).map(({ nodePort }) => nodePort), spec?.healthCheckNodePort];
  return new Set([
    ...addresses.map((address) => addressKey(address)),
    ...ports.filter((port) => port !== undefined && port !== 0).map((port) => `port ${port}`),
  ]);
}

function addressKey(text: string): string {
  const ip = parseSloppyIp(text);
  return ip === undefined ? text : `${ip.family} ${ip.value}`;
}

/** What one write asks for; nothing is held before the object is stored. */
class AddressRequest {
  readonly #ranges: ReadonlyMap<Family, { cidr: Cidr; numbers: NumberRange }>;
  readonly #ports: NumberRange;
  readonly #portRange: PortRange;
  readonly #random: Random;
  readonly #taken: ReadonlyMap<string, number>;
  readonly #dryRun: boolean;
  readonly #mine = new Set<string>();

  constructor(
    ranges: ReadonlyMap<Family, { cidr: Cidr; numbers: NumberRange }>,
    ports: NumberRange,
    portRange: PortRange,
    random: Random,
    taken: ReadonlyMap<string, number>,
    dryRun: boolean,
  ) {
    this.#ranges = ranges;
    this.#ports = ports;
    this.#portRange = portRange;
    this.#random = random;
    this.#taken = taken;
    this.#dryRun = dryRun;
  }

  address(family: Family): string {
    const range = this.#ranges.get(family);
    const value = range && nextFree(range.numbers, (number) => this.#isTaken(`${family} ${number}`), this.#random);
    if (value === undefined) throw new AllocationError("range is full");
    this.#mine.add(`${family} ${value}`);
    return formatIp({ family, value });
  }

  claimAddress(text: string): void {
    const ip = parseSloppyIp(text);
    const range = ip && this.#ranges.get(ip.family);
    if (ip === undefined || range === undefined || !cidrContains(range.cidr, ip))
      throw new AllocationError("the provided network does not match the current range");
    const { first, size } = range.numbers;
    if (ip.value < first || ip.value >= first + size)
      throw new AllocationError(
        `the provided IP (${formatIp(ip)}) is not in the valid range. The range of valid IPs is ${formatIp(range.cidr.base)}/${range.cidr.prefix}`,
      );
    if (!this.#dryRun) this.#claim(addressKey(text), "provided IP is already allocated");
  }

  port(): number {
    const value = nextFree(this.#ports, (number) => this.#isTaken(`port ${number}`), this.#random);
    if (value === undefined) throw new AllocationError("range is full");
    this.#mine.add(`port ${value}`);
    return Number(value);
  }

  claimPort(port: number): void {
    const { first, last } = this.#portRange;
    if (!this.#dryRun && (port < first || port > last))
      throw new AllocationError(
        `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
      );
    this.#claim(`port ${port}`, "provided port is already allocated");
  }

  #claim(key: string, whenTaken: string): void {
    if (this.#isTaken(key)) throw new AllocationError(whenTaken);
    this.#mine.add(key);
  }

  #isTaken(key: string): boolean {
    return this.#taken.has(key) || this.#mine.has(key);
  }
}

export type { AddressRequest };
