import { type Family, formatIp } from "../../../src/net/index.ts";
import { ProviderError } from "../../../src/provider/index.ts";
import { lastPart, linkOf, linkPath } from "../links.ts";
import { addressName, anyBaseName } from "../names.ts";
import type { ServiceObservation } from "../observation.ts";
import { parseOwner } from "../owner.ts";
import { type Address, type ForwardingRule, refOf, type Tier } from "../resources.ts";
import { addressText } from "./comparison.ts";
import { isOwn } from "./ownership.ts";
import type { Wish } from "./wish.ts";

/** Where one family of a load balancer is. */
export interface ChosenAddress {
  readonly family: Family;
  /** Undefined until Google Cloud has given it. */
  readonly ip: string | undefined;
  /** The reservation that we hold ourselves; undefined when the user has one. */
  readonly own: Address | undefined;
  /** It is another address than the one that is served now. */
  readonly replaces: boolean;
}

/** One address per family. Throws `blocked` for an address that the user named and that cannot be used. */
export function chooseAddresses(wish: Wish, observed: ServiceObservation): readonly ChosenAddress[] {
  const named = wish.options.addressNames.map((name) => namedAddress(name, wish, observed));
  const twice = named.find((one) => named.some((other) => other !== one && familyOf(other) === familyOf(one)));
  if (twice !== undefined)
    throw blocked(
      "AmbiguousAddress",
      `${twice.name} is one of two ${familyOf(twice)} addresses`,
      "name one per family",
    );
  for (const address of named)
    if (!wish.lb.families.includes(familyOf(address)))
      throw blocked("AddressFamilyMismatch", `${address.name} is ${familyOf(address)}`, "name one of spec.ipFamilies");
  return wish.lb.families.map((family) => {
    const served = servedRule(family, wish, observed);
    const given = named.find((address) => familyOf(address) === family) ?? givenLiteral(family, wish, observed);
    const own = given === undefined ? ownAddress(family, wish, served, observed) : undefined;
    const found = given ?? observed.addresses.find(({ name }) => name === own?.name);
    const ip = found?.address === undefined ? undefined : addressText(found.address);
    const next = ip ?? own?.address;
    return { family, ip, own, replaces: served !== undefined && addressText(served.IPAddress) !== next };
  });
}

export function familyOf({ address = "" }: Pick<Address, "address">): Family {
  return address.includes(":") ? "IPv6" : "IPv4";
}

function namedAddress(name: string, wish: Wish, observed: ServiceObservation): Address {
  const found = observed.addresses.find((address) => address.name === name);
  const { region, project } = wish.settings;
  if (found === undefined)
    throw blocked(
      "AddressNotFound",
      `there is no address ${name} in region ${region} of project ${project}`,
      `reserve it (gcloud compute addresses create ${name} --region ${region} --project ${project}), or name another`,
    );
  return usable(found, name, wish, observed);
}

/** Outside nobody can pick a number: Google Cloud gives one to whoever reserves an address. */
function notReserved(asked: string, { settings: { region, project } }: Wish): ProviderError {
  const create = `gcloud compute addresses create NAME --region ${region} --project ${project}`;
  return blocked(
    "AddressNotReserved",
    `${asked} is reserved by nobody in region ${region} of project ${project}`,
    `reserve an address (${create}) and ask for what it gives, or ask for none`,
  );
}

/** A reservation of the user's that holds the address which the Service asks for by its number. */
function givenLiteral(family: Family, wish: Wish, observed: ServiceObservation): Address | undefined {
  const asked = literal(family, wish);
  const found = observed.addresses.find(({ address = "" }) => asked !== undefined && addressText(address) === asked);
  return found === undefined || isOwn(found, wish.owner) ? undefined : usable(found, asked ?? "", wish, observed);
}

function literal(family: Family, { lb }: Wish): string | undefined {
  const found = lb.requestedAddresses.find((ip) => ip.family === family);
  return found === undefined ? undefined : formatIp(found);
}

/** `called`: by what the user asked for it. Whose other load balancers are is nobody else's business. */
function usable(address: Address, called: string, wish: Wish, observed: ServiceObservation): Address {
  const { addressType, networkTier } = address;
  const { isInternal, tier, subnetwork } = wish;
  const wanted = isInternal ? "INTERNAL" : "EXTERNAL";
  if (parseOwner(address.description) !== undefined && !isOwn(address, wish.owner))
    throw blocked("AddressInUse", `address ${called} is that of another load balancer`, "name another address");
  if (addressType !== wanted)
    throw blocked("AddressTypeMismatch", `address ${called} is ${addressType}`, `name one of type ${wanted}`);
  if (!isInternal && networkTier !== tier)
    throw blocked(
      "NetworkTierMismatch",
      `address ${called} is of tier ${networkTier}, the Service of ${tier}`,
      "name an address of that tier, or change the tier of the Service",
    );
  if (isInternal && linkPath(address.subnetwork ?? "") !== linkPath(subnetwork))
    throw blocked(
      "AddressOutsideSubnet",
      `address ${called} is not of subnetwork ${lastPart(subnetwork)}`,
      "name one of that subnetwork, or change the subnetwork of the Service",
    );
  const user = foreignUser(address, wish, observed);
  if (user !== undefined) throw blocked("AddressInUse", `address ${called} is used by ${user}`, "name another address");
  return address;
}

function foreignUser({ users = [] }: Address, wish: Wish, { resources }: ServiceObservation): string | undefined {
  const ownRules = new Set(
    resources
      .filter((resource) => resource.kind === "forwardingRule" && isOwn(resource, wish.owner))
      .map((rule) => linkPath(linkOf(refOf(rule), wish.settings))),
  );
  const other = users.map(linkPath).find((user) => !ownRules.has(user));
  return other !== undefined && lastPart(other).startsWith(anyBaseName) ? "another load balancer" : other;
}

/**
 * The reservation lasts as long as the Service, so the address outlives every rule that has to be made anew. One that
 * holds the right address already stays, whether it was asked for by its number or not.
 */
function ownAddress(
  family: Family,
  wish: Wish,
  served: ForwardingRule | undefined,
  { addresses }: ServiceObservation,
): Address {
  const { base, description, owner, isInternal, tier, subnetwork } = wish;
  const asked = literal(family, wish);
  const isV6 = family === "IPv6";
  const place = isInternal
    ? ({ addressType: "INTERNAL", subnetwork } as const)
    : ({ addressType: "EXTERNAL", networkTier: tier, ...(isV6 && { subnetwork }) } as const);
  const address = asked ?? promoted(served, place);
  const held = addresses.filter(
    (one) =>
      isOwn(one, owner) &&
      familyOf(one) === family &&
      isAt(one, place) &&
      [undefined, addressText(one.address ?? "")].includes(address),
  );
  const name = addressName(base, family, [...Object.values(place), asked ?? ""]);
  const [first] = held;
  if (first !== undefined && !held.some((one) => one.name === name)) return first;
  if (!isInternal && asked !== undefined && asked !== promoted(served, place) && held.length === 0)
    throw notReserved(asked, wish);
  const version = isV6 ? ({ ipVersion: "IPV6", ...(!isInternal && { ipv6EndpointType: "NETLB" }) } as const) : {};
  return { kind: "address", name, description, ...place, ...version, ...(address !== undefined && { address }) };
}

type Place = Pick<Address, "addressType" | "networkTier" | "subnetwork">;

function isAt(address: Place, { addressType, networkTier, subnetwork = "" }: Place): boolean {
  return (
    address.addressType === addressType &&
    (networkTier === undefined || address.networkTier === networkTier) &&
    (subnetwork === "" || linkPath(address.subnetwork ?? "") === linkPath(subnetwork))
  );
}

/** An address that is served and that nobody holds any more is held again, rather than replaced. */
function promoted(served: ForwardingRule | undefined, place: Place): string | undefined {
  if (served === undefined || served.loadBalancingScheme !== place.addressType) return undefined;
  const { networkTier, subnetwork = "" } = served;
  const isThere = isAt({ addressType: place.addressType, subnetwork, ...(networkTier && { networkTier }) }, place);
  return isThere ? addressText(served.IPAddress) : undefined;
}

function servedRule(family: Family, wish: Wish, { resources }: ServiceObservation): ForwardingRule | undefined {
  return resources.find(
    (resource): resource is ForwardingRule =>
      resource.kind === "forwardingRule" &&
      isOwn(resource, wish.owner) &&
      familyOf({ address: resource.IPAddress }) === family,
  );
}

function blocked(reason: string, message: string, remedy: string): ProviderError {
  return new ProviderError({ kind: "blocked", reason, remedy }, message);
}

/** The tier of what is external and there already, which is not replaced for want of a word on it. */
export function tierOf(wish: Wish, observed: ServiceObservation): Tier {
  const asked = wish.options.tier;
  if (asked !== undefined) return asked;
  const rule = observed.resources.find((one) => one.kind === "forwardingRule" && isOwn(one, wish.owner));
  const held = observed.addresses.find((one) => isOwn(one, wish.owner) && one.addressType === "EXTERNAL");
  const ofRule =
    rule?.kind === "forwardingRule" && rule.loadBalancingScheme === "EXTERNAL" ? rule.networkTier : undefined;
  return ofRule ?? held?.networkTier ?? wish.tier;
}
