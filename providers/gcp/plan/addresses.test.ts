import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { ProviderError } from "../../../src/provider/index.ts";
import { linkOf } from "../links.ts";
import type { Address } from "../resources.ts";
import { PlannerBed } from "../testing/bed.ts";
import { desiredLb, id, ip, node, settings, tcp } from "../testing/values.ts";

const key = { kind: "service", id } as const;
const nodes = [node("b1", "b", "10.0.0.1")];
const byName = { annotations: { "berth.dev/address-names": "mine" } };
const byNumber = { requestedAddresses: [ip("203.0.113.9")] };
const mine: Address = {
  kind: "address",
  name: "mine",
  description: "",
  address: "203.0.113.9",
  addressType: "EXTERNAL",
  networkTier: "PREMIUM",
};

function bedWith(address: Partial<Address>): PlannerBed {
  const bed = new PlannerBed();
  bed.region.put({ ...mine, ...address });
  return bed;
}

it.each([
  ["name", byName],
  ["number", byNumber],
])("serves at an address of the user's by its %s, and never gives it up or takes it away", (_, changes) => {
  const bed = bedWith({});
  bed.converge({ lb: desiredLb(changes), nodes });
  expect(bed.region.all("forwardingRule").map(({ IPAddress }) => IPAddress)).toEqual(["203.0.113.9"]);
  bed.converge({ lb: desiredLb({ ...changes, ports: [tcp(81)] }), nodes });
  bed.converge(null);
  expect(bed.region.all("address")).toEqual([mine]);
});

it("reserves an address that is asked for by number and that nobody holds", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(byNumber), nodes });
  expect(bed.region.all("address")).toMatchObject([{ address: "203.0.113.9", addressType: "EXTERNAL" }]);
  expect(bed.region.all("forwardingRule")).toMatchObject([{ IPAddress: "203.0.113.9" }]);
});

it("serves at addresses of both families that are named", () => {
  const bed = bedWith({});
  bed.region.put({ ...mine, name: "six", address: "2001:db8:0::9", ipVersion: "IPV6" });
  const annotations = { "berth.dev/address-names": "six,mine" };
  bed.converge({ lb: desiredLb({ families: ["IPv4", "IPv6"], annotations }), nodes });
  expect(bed.region.all("forwardingRule").map(({ IPAddress }) => IPAddress)).toEqual(["203.0.113.9", "2001:db8::9/96"]);
  expect(bed.region.all("address").map(({ name }) => name)).toEqual(["mine", "six"]);
});

it("holds the address again that is served, when somebody deleted the reservation", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(), nodes });
  const [held] = bed.region.all("address");
  bed.region.resources.delete(`address ${held?.name}`);
  const plans = bed.converge({ lb: desiredLb(), nodes });
  expect(plans.map(({ steps, replacesAddress }) => [steps.map(({ id }) => id), replacesAddress])).toEqual([
    [[`create address ${held?.name}`], false],
  ]);
  expect(bed.region.all("address")).toEqual([held]);
});

const other = linkOf({ kind: "forwardingRule", name: "other" }, settings);

it.each<[string, Partial<DesiredLoadBalancer>, Partial<Address>, string, string]>([
  [
    "is missing",
    byName,
    { name: "yours" },
    "AddressNotFound",
    "there is no address mine in region europe-west1 of project shop",
  ],
  ["is internal", byName, { addressType: "INTERNAL" }, "AddressTypeMismatch", "address mine is INTERNAL"],
  ["is external", { ...byName, scheme: "internal" }, {}, "AddressTypeMismatch", "address mine is EXTERNAL"],
  [
    "is of another tier",
    byName,
    { networkTier: "STANDARD" },
    "NetworkTierMismatch",
    "address mine is of tier STANDARD, the Service of PREMIUM",
  ],
  [
    "is of another tier and asked for by number",
    byNumber,
    { networkTier: "STANDARD" },
    "NetworkTierMismatch",
    "address mine is of tier STANDARD, the Service of PREMIUM",
  ],
  [
    "is of a family that the Service has not",
    byName,
    { address: "2001:db8::9" },
    "AddressFamilyMismatch",
    "mine is IPv6",
  ],
])("says what is wrong with an address that %s, and does nothing", (_, changes, address, reason, message) => {
  const bed = bedWith(address);
  expect(faultOf(() => bed.plan(key, { lb: desiredLb(changes), nodes }))).toMatchObject({
    message,
    fault: { kind: "blocked", reason },
  });
});

it("says who else uses an address", () => {
  const observed = {
    kind: "service",
    resources: [],
    addresses: [{ ...mine, users: [other] }],
    shared: [],
    otherFirewalls: [],
  } as const;
  const bed = new PlannerBed();
  bed.region.observe = () => observed;
  expect(faultOf(() => bed.plan(key, { lb: desiredLb(byName), nodes }))).toMatchObject({
    message: "address mine is used by projects/shop/regions/europe-west1/forwardingRules/other",
    fault: { kind: "blocked", reason: "AddressInUse", remedy: "name another address" },
  });
});

it("wants one address per family", () => {
  const bed = bedWith({});
  bed.region.put({ ...mine, name: "too", address: "203.0.113.10" });
  const annotations = { "berth.dev/address-names": "mine,too" };
  expect(faultOf(() => bed.plan(key, { lb: desiredLb({ annotations }), nodes }))).toMatchObject({
    fault: { kind: "blocked", reason: "AmbiguousAddress" },
  });
});

function faultOf(run: () => unknown): ProviderError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error("nothing is wrong");
}
