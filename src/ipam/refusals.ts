import { type Family, formatIp, type Ip } from "../net/index.ts";
import type { PoolSource } from "./pool-set.ts";

/** Why an address is not given; `message` says what a person can do. */
export interface Refusal {
  readonly refused: /** The Service has to ask for something else. */
    | "AddressNotInPool"
    | "AddressPoolNotFound"
    | "AddressPoolClosed"
    /** Something else has to change. */
    | "AddressInUse"
    | "AddressPoolExhausted"
    | "AddressPoolMissing"
    | "NamespaceUnknown";
  readonly message: string;
}

/** What a source of addresses said to the one who asks; a text says why not. */
export interface Verdict {
  readonly source: PoolSource;
  readonly admits: ReturnType<PoolSource["admits"]>;
}

export const namespaceUnknown: Refusal = {
  refused: "NamespaceUnknown",
  message:
    "a pool chooses by labels of the namespace, which are not known yet; the controller must be able to list Namespaces",
};

export function poolNotFound(name: string): Refusal {
  return {
    refused: "AddressPoolNotFound",
    message: `there is no pool ${name}; create that IPAddressPool or name another`,
  };
}

export function notInPool(ip: Ip, pool: string | undefined, sources: readonly PoolSource[]): Refusal {
  const where = pool === undefined ? "any pool" : `the pool ${pool}`;
  const known = sources.filter((source) => source.hasFamily(ip.family));
  const have =
    known.length === 0
      ? `no pool has ${ip.family} addresses; create an IPAddressPool that does`
      : `${ip.family} pools: ${listed(known, ip.family)}; ask for an address of these`;
  return { refused: "AddressNotInPool", message: `${formatIp(ip)} is not in ${where}; ${have}` };
}

export function inUse(ip: Ip): Refusal {
  return { refused: "AddressInUse", message: `${formatIp(ip)} belongs to another Service; ask for another one` };
}

export function closed(verdicts: readonly Verdict[]): Refusal {
  const message = `${reasonsOf(verdicts)}; change that or ask for something else`;
  return { refused: "AddressPoolClosed", message };
}

export function exhausted(family: Family, sources: readonly PoolSource[]): Refusal {
  const message = `no ${family} address is free in ${listed(sources, family)}; add ranges there or another IPAddressPool`;
  return { refused: "AddressPoolExhausted", message };
}

export function missing(family: Family, verdicts: readonly Verdict[]): Refusal {
  const reasons = verdicts.length === 0 ? "" : ` (${reasonsOf(verdicts)})`;
  const message = `no pool gives this Service ${family} addresses${reasons}; create an IPAddressPool that does, or start the controller with --address-pool`;
  return { refused: "AddressPoolMissing", message };
}

/** What is said of an address that stays although no pool has it. */
export function stray(ip: Ip): string {
  return `no pool has ${formatIp(ip)} any more; it stays until the Service asks for another one; add it to an IPAddressPool to keep it`;
}

/** Longer lists help nobody. */
const most = 4;

function listed(sources: readonly PoolSource[], family: Family): string {
  const texts = sources.map(({ pool: { name, ranges } }) => {
    const own = [...new Set(ranges.filter((range) => range.family === family).map(({ text }) => text))];
    return `${name} (${short(own, ", ")})`;
  });
  return short(texts, ", ");
}

function reasonsOf(verdicts: readonly Verdict[]): string {
  const texts = verdicts.flatMap(({ source, admits }) =>
    typeof admits === "string" ? [] : [`pool ${source.pool.name}: ${admits.why}`],
  );
  return short(texts, "; ");
}

function short(texts: readonly string[], separator: string): string {
  const more = texts.length > most ? `${separator}and ${texts.length - most} more` : "";
  return `${texts.slice(0, most).join(separator)}${more}`;
}
