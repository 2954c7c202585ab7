import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { ProviderError } from "../../../src/provider/index.ts";
import { linkOf } from "../links.ts";
import type { Address } from "../resources.ts";
import { PlannerBed } from "../testing/bed.ts";
import { desiredLb, id, ip, reservedAddress as mine, node, settings, tcp } from "../testing/values.ts";

const key = { kind: "service", id } as const;
const nodes = [node("b1", "b", "10.0.0.1")];
const byName = { annotations: { "berth.dev/address-names": "mine" } };
const byNumber = { requestedAddresses: [ip("203.0.113.9")] };

const nothing = { kind: "service", resources: [], refused: [], addresses: [], shared: [], otherFirewalls: [] } as const;

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

it("reserves an address inside that is asked for by number and that nobody holds; outside nobody can choose one", () => {
  const bed = new PlannerBed();
  const inside = { scheme: "internal", requestedAddresses: [ip("10.0.0.9")] } as const;
  bed.converge({ lb: desiredLb(inside), nodes });
  expect(bed.region.all("address")).toMatchObject([{ address: "10.0.0.9", addressType: "INTERNAL" }]);
  expect(bed.region.all("forwardingRule")).toMatchObject([{ IPAddress: "10.0.0.9" }]);
  expect(() => new PlannerBed().converge({ lb: desiredLb(byNumber), nodes })).toThrow(
    "203.0.113.9 is reserved by nobody in region europe-west1 of project shop",
  );
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
    "address 203.0.113.9 is of tier STANDARD, the Service of PREMIUM",
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

const theirs = JSON.stringify({
  "berth.dev/cluster": id.clusterId,
  "berth.dev/service": "secret/dns",
  "berth.dev/service-uid": "theirs",
});

it.each([
  ["by name", byName, "address mine is that of another load balancer"],
  ["by number", byNumber, "address 203.0.113.9 is that of another load balancer"],
])("gives nobody the address of another Service, %s, and does not say whose it is", (_, changes, message) => {
  for (const description of [theirs, theirs.replace(id.clusterId, "cluster-2")]) {
    const error = faultOf(() => bedWith({ description }).plan(key, { lb: desiredLb(changes), nodes }));
    expect(error).toMatchObject({ message, fault: { kind: "blocked", reason: "AddressInUse" } });
    expect(JSON.stringify([error.message, error.fault])).not.toMatch(/secret|theirs/);
  }
});

it("does not say either which load balancer uses an address that the user reserved", () => {
  const users = [linkOf({ kind: "forwardingRule", name: "berth-secret-dns-1-tcp-v4" }, settings)];
  const bed = new PlannerBed();
  bed.region.observe = () => ({ ...nothing, addresses: [{ ...mine, users }] });
  expect(faultOf(() => bed.plan(key, { lb: desiredLb(byName), nodes }))).toMatchObject({
    message: "address mine is used by another load balancer",
    fault: { kind: "blocked", reason: "AddressInUse", remedy: "name another address" },
  });
});

it("says that an internal address is of another subnetwork", () => {
  const bed = bedWith({ addressType: "INTERNAL", subnetwork: "projects/shop/regions/europe-west1/subnetworks/lbs" });
  expect(faultOf(() => bed.plan(key, { lb: desiredLb({ ...byName, scheme: "internal" }), nodes }))).toMatchObject({
    message: "address mine is not of subnetwork nodes",
    fault: { kind: "blocked", reason: "AddressOutsideSubnet" },
  });
});

it("keeps the address that it has when it is asked for by its number, and when it is not any more", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(), nodes });
  const [rule] = bed.region.all("forwardingRule");
  const requestedAddresses = [ip(rule?.IPAddress ?? "")];
  expect(bed.open({ lb: desiredLb({ requestedAddresses }), nodes })).toEqual([]);
  const other = new PlannerBed();
  const inside = { scheme: "internal" } as const;
  other.converge({ lb: desiredLb({ ...inside, requestedAddresses: [ip("10.0.0.9")] }), nodes });
  expect(other.open({ lb: desiredLb(inside), nodes })).toEqual([]);
  other.region.resources.delete(`forwardingRule ${rule?.name}`);
  other.converge({ lb: desiredLb(inside), nodes });
  expect(other.region.all("forwardingRule").map(({ IPAddress }) => IPAddress)).toEqual(["10.0.0.9"]);
});

it("leaves the tier as it is when nobody asks for one any more", () => {
  const bed = new PlannerBed();
  const standard = { annotations: { "berth.dev/network-tier": "Standard" } };
  bed.converge({ lb: desiredLb(standard), nodes });
  expect(bed.open({ lb: desiredLb(), nodes })).toEqual([]);
  bed.region.resources.delete(`forwardingRule ${bed.region.all("forwardingRule")[0]?.name}`);
  bed.converge({ lb: desiredLb(), nodes });
  expect(bed.region.all("forwardingRule")).toMatchObject([{ networkTier: "STANDARD" }]);
  const premium = { annotations: { "berth.dev/network-tier": "Premium" } };
  expect(bed.plan(key, { lb: desiredLb(premium), nodes }).replacesAddress).toBe(true);
  bed.converge({ lb: desiredLb({ scheme: "internal" }), nodes });
  bed.converge({ lb: desiredLb(), nodes });
  expect(bed.region.all("forwardingRule")).toMatchObject([{ networkTier: "PREMIUM" }]);
});

it("says who else uses an address", () => {
  const bed = new PlannerBed();
  bed.region.observe = () => ({ ...nothing, addresses: [{ ...mine, users: [other] }] });
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
